"""How each goal orders candidates: which goes first, who follows if it fails, and the sentence that says why.

Rules of this file: plain Python over a handful of options, deterministic: ties go to the better estimate, then to the lower
cost, then to the smaller id. An option whose price is unknown is never taken for cheap. Each function returns `Ranked`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import NamedTuple

from entrepot.routing.base import Basis

SLACK = 1e-9  # a sum of floats must not push a candidate below a bar that it meets exactly


class Option(NamedTuple):
    """A candidate as a goal sees it. Expected cost in dollars, None if its price is unknown."""

    deployment: str
    model: str
    p_correct: float
    p_error: float
    output_tokens: float
    cost_usd: float | None
    basis: Basis


class Ranked(NamedTuple):
    """Options in the order in which they are asked: those that meet the goal, then the rest, and why.

    `worth_usd` is what a right answer was taken to be worth, where that settled it.
    """

    meeting: list[Option]
    rest: list[Option]
    reason: str
    worth_usd: float | None = None

    @property
    def first(self) -> Option:
        """Who is asked first."""
        return (self.meeting or self.rest)[0]


def by_cost(option: Option) -> tuple[bool, float, float, str]:
    """Cheapest first, unknown prices last."""
    unknown = option.cost_usd is None
    return (unknown, option.cost_usd or 0.0, -option.p_correct, option.deployment)


def by_quality(option: Option) -> tuple[float, bool, float, str]:
    """Best first."""
    return (-option.p_correct, option.cost_usd is None, option.cost_usd or 0.0, option.deployment)


def is_under(option: Option, max_cost_usd: float) -> bool:
    """Whether it is expected to keep to a bound on cost."""
    return option.cost_usd is not None and option.cost_usd <= max_cost_usd


def told_points(max_loss: float) -> str:
    """A loss in words: 0.02 is "2 points"."""
    return f"{100 * max_loss:g} point{'' if max_loss == 0.01 else 's'}"


def within_bar(options: list[Option], max_loss: float, reference: str | None) -> Ranked:
    """For this one request: the cheapest whose P(correct) is at most `max_loss` below the reference's.

    A reference that is no option, or of which nothing is known, sets no bar: the best option does.
    """
    measure = next((option for option in options if option.deployment == reference), None)
    known = [option for option in options if option.basis != "prior"]
    # A guess on the low side is fair to a candidate that has yet to show that it can; as a bar it would let everything pass.
    best = measure if measure is not None and (measure in known or not known) else min(options, key=by_quality)
    bar = best.p_correct - max_loss - SLACK
    meeting = sorted((option for option in options if option.p_correct >= bar), key=by_cost)
    if best is measure and not known and max_loss < 1:
        meeting = [measure]
    rest = sorted((option for option in options if option not in meeting), key=by_quality)
    return Ranked(meeting, rest, _reason_within(meeting[0], best, max_loss, reference, measure, options))


def by_worth(
    options: list[Option], worth_usd: float, reference: str | None, among: Collection[str] | None = None
) -> Ranked:
    """The best of worth times P(correct) less expected cost; none dearer than the reference, where there is one.

    `among` are those that may go first; if none of them is an option, all may.
    """
    measure = next((option for option in options if option.deployment == reference), None)
    limit = None if measure is None else measure.cost_usd
    allowed = options
    if limit is not None:
        allowed = [one for one in options if one is measure or (one.cost_usd is not None and one.cost_usd <= limit)]
    if among is not None:
        allowed = [option for option in allowed if option.deployment in among] or allowed
    meeting = sorted(allowed, key=by_quality)
    meeting.sort(key=lambda option: -value_of(option, worth_usd))  # stable: of equal value the better goes first
    rest = []
    if len(allowed) < len(options):
        taken = {option.deployment for option in allowed}
        rest = sorted((option for option in options if option.deployment not in taken), key=by_quality)
    chosen = meeting[0]
    said = f"{chosen.deployment} has the best of P(correct) against expected cost"
    if len(options) == 1:
        said = f"{chosen.deployment} is the only eligible candidate"
    said += f", at {worth_usd:.3g} USD for a right answer"
    if measure is not None and chosen is not measure:
        said += (
            f" (P(correct) {chosen.p_correct:.3f} against {measure.p_correct:.3f} of {measure.deployment}, "
            f"the reference{_saving(chosen.cost_usd, measure.cost_usd)})"
        )
    if reference is not None and measure is None:
        said += f"; the reference {reference} is not eligible for this request"
    return Ranked(meeting, rest, said + price_caveat(chosen), worth_usd)


def value_of(option: Option, worth_usd: float) -> float:
    """What asking it is worth in dollars; nothing is worth an unknown price."""
    return float("-inf") if option.cost_usd is None else worth_usd * option.p_correct - option.cost_usd


def best_under(options: list[Option], max_cost_usd: float) -> Ranked:
    """The best option whose expected cost stays under the limit, the cheapest if there is none."""
    under = [option for option in options if is_under(option, max_cost_usd)]
    over = [option for option in options if not is_under(option, max_cost_usd)]
    if under:
        # the best goes first; should it fail, the next best under the limit follows
        meeting = sorted(under, key=by_quality)
        said = f"{meeting[0].deployment} has the best expected quality under {max_cost_usd:.6g} USD a request"
        return Ranked(meeting, sorted(over, key=by_cost), f"{said} (P(correct) {meeting[0].p_correct:.3f})")
    meeting = sorted(over, key=by_cost)
    said = (
        f"no candidate is expected to cost at most {max_cost_usd:.6g} USD, so {meeting[0].deployment} is taken as the "
        "cheapest"
    )
    return Ranked(meeting, [], said + price_caveat(meeting[0]))


def bounded(ranked: Ranked, max_cost_usd: float, goal: str) -> Ranked:
    """The same under a bound on cost. If what goes first is over it, the best under it takes its place."""
    everyone = [*ranked.meeting, *ranked.rest]
    if not is_under(everyone[0], max_cost_usd):
        found = best_under(everyone, max_cost_usd)
        return found._replace(reason=f"{goal} cannot be kept under the cost allowed: {found.reason}")
    over = sorted((option for option in everyone if not is_under(option, max_cost_usd)), key=by_cost)
    return ranked._replace(meeting=[option for option in everyone if is_under(option, max_cost_usd)], rest=over)


def by_share(options: list[Option], shares: Mapping[str, float], lot: float) -> tuple[Ranked, dict[str, float]]:
    """By lot: `lot`, uniform in [0, 1), falls into the part of one of `shares`. Also each option's propensity.

    The parts of those that are no options are given to the others in proportion; if none is left, all share alike.
    """
    given = {option.deployment: shares.get(option.deployment, 0.0) for option in options}
    total = sum(given.values())
    parts = {name: share / total if total > 0 else 1 / len(given) for name, share in given.items()}
    chosen = draw_from(parts, lot)
    first = next(option for option in options if option.deployment == chosen)
    rest = sorted((option for option in options if option is not first), key=by_quality)
    said = f"{chosen} was drawn by lot, with a share of {parts[chosen]:.0%}"
    return Ranked([first], rest, said + price_caveat(first)), parts


def draw_from(parts: Mapping[str, float], lot: float) -> str:
    """The name into whose part of [0, 1) the lot falls. Parts sum to one; a name without a part is never drawn."""
    reached = 0.0
    last = ""
    for name, part in parts.items():
        if part <= 0:
            continue
        reached += part
        last = name
        if lot < reached:
            break
    return last


def _reason_within(
    chosen: Option, best: Option, max_loss: float, reference: str | None, measure: Option | None, options: list[Option]
) -> str:
    points = told_points(max_loss)
    measured = "the reference" if best is measure else "the best eligible candidate"
    if len(options) == 1:
        said = f"{chosen.deployment} is the only eligible candidate"
    elif chosen is best is measure and all(option.basis == "prior" for option in options):
        said = f"{chosen.deployment}, the reference, is taken because nothing is known of how good any candidate is"
    elif chosen is best:
        said = f"{chosen.deployment}, {measured}, has no cheaper rival expected to stay within {points} of it"
    else:
        said = (
            f"{chosen.deployment} is the least expensive candidate expected to stay within {points} of {best.deployment}, "
            f"{measured} (P(correct) {chosen.p_correct:.3f} against {best.p_correct:.3f}"
            f"{_saving(chosen.cost_usd, best.cost_usd)})"
        )
    if reference is not None and measure is None:
        said += f"; the reference {reference} is not eligible for this request"
    elif measure is not None and best is not measure:
        said += f"; nothing is known of how good the reference {reference} is"
    return said + price_caveat(chosen)


def _saving(cost: float | None, measure: float | None) -> str:
    if cost is None or measure is None:
        return ""
    return f", {cost:.6f} USD against {measure:.6f}"


def price_caveat(chosen: Option) -> str:
    """What to say of a candidate that is taken at an unknown price."""
    return "" if chosen.cost_usd is not None else ", though its price is unknown"
