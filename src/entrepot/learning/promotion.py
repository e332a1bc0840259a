"""Whether a candidate router would have done better than what ran, on exchanges that came after all it was fitted on.

Each decision is made again with the candidate's estimates. Where it would have gone elsewhere, the probabilities with which
each was chosen are those logged with the two changed places: exploration and the holdout go on as they were. Where a decision
was settled otherwise (a conversation under way, a trial, several models asked, somebody ill), the candidate would have settled
it so too. What is compared is the value that the route's goal is about: quality less cost at the worth of a right answer, or
quality alone where the goal weighs request by request; then the candidate may not cost more.

Rules of this file: pure. Whatever cannot be told from the logs counts against the candidate (`statistics/offpolicy.py`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from entrepot.learning.live_outcomes import Exchange, ease_of, plain_logit
from entrepot.routing.correction import Correction
from entrepot.routing.goals import Option
from entrepot.routing.utility import Decision, first_choice
from entrepot.routing.worth import Knob
from entrepot.statistics.offpolicy import MOST_WEIGHT, Comparison, Logged, compare_routers

Doubles = NDArray[np.float64]
MORE_COST = 0.02
"""By how much a candidate may cost more where no worth says what that buys."""
_NEARLY_ALL = 0.95
_NANO = 1_000_000_000


class Versions(NamedTuple):
    """The corrections that decided, by the names of their versions, and the candidate's; knobs by route, as they ran and as
    the candidate would have them.
    """

    ran: Mapping[str, Correction]
    candidate: Correction
    knobs: Mapping[str, Knob]
    candidate_knobs: Mapping[str, Knob]


class Verdict(NamedTuple):
    """Whether to promote, and why or why not. `differing` exchanges would have gone elsewhere."""

    promote: bool
    why: str
    later: int
    differing: int
    comparison: Comparison | None


class _Row(NamedTuple):
    chosen: int
    reward: float
    running: Doubles
    other: Doubles
    expected: Doubles
    more_usd: float
    usd: float


def judge(later: Sequence[Exchange], versions: Versions, error: float) -> Verdict:
    """Hold the candidate against what ran; a worse one is promoted with probability at most `error`."""
    lost = [
        name
        for name, knob in versions.candidate_knobs.items()
        if knob.refused and name in versions.knobs and not versions.knobs[name].refused
    ]
    scales = _scales(later)
    rows = [row for one in later if (row := _row(one, versions, scales)) is not None]
    differing = [row for row in rows if not np.array_equal(row.running, row.other)]
    if lost:
        return Verdict(False, f"the floor of route '{lost[0]}' could not be promised with it", len(rows), 0, None)
    if not differing:
        return Verdict(False, "it would have chosen as what ran did", len(rows), 0, None)
    widest = max(len(row.running) for row in differing)
    found = compare_routers(
        Logged(
            [row.chosen for row in differing],
            [row.reward for row in differing],
            *(
                np.array([_wide(getattr(row, name), widest) for row in differing])
                for name in ("running", "other", "expected")
            ),
        ),
        len(differing),
        error=error,
        most_weight=_most_weight(differing),
    )
    promote, why = _decide(found, rows)
    return Verdict(promote, why, len(rows), len(differing), found)


def _decide(found: Comparison, rows: Sequence[_Row]) -> tuple[bool, str]:
    told = (
        f"where it would have chosen another, value differs by {100 * found.difference.estimate:+.1f} points, between "
        f"{100 * found.difference.low:+.1f} and {100 * found.difference.high:+.1f}, on {found.exchanges:,} exchanges"
    )
    if not found.promote:
        if found.unsupported > 0.5:
            return False, (
                f"what ran hardly ever chose as it would ({found.unsupported:.0%} of its choices have no record): let the route "
                f"explore more; {told}"
            )
        return False, f"not shown to be better: {told}"
    more, usd = sum(row.more_usd for row in rows), sum(row.usd for row in rows)
    if more > MORE_COST * usd:
        return False, f"it would cost {more / usd if usd else math.inf:+.0%}, and no worth says what that buys; {told}"
    return True, f"better: {told}"


def _most_weight(rows: Sequence[_Row]) -> float:
    """Where weights are clipped: above nearly all that there can be, whoever answered; the lower, the more is told by few.

    It is of the propensities of all rows alone, never of what was drawn or came of it.
    """
    largest = [float(np.max(row.other[row.running > 0] / row.running[row.running > 0])) for row in rows]
    return float(np.clip(np.quantile(largest, _NEARLY_ALL), 1.0, MOST_WEIGHT))


def _wide(values: Doubles, width: int) -> Doubles:
    return np.concatenate([values, np.zeros(width - len(values))])


class _Scale(NamedTuple):
    """Of a route: the most that a right answer was worth, and what an answer may cost before it counts as that."""

    worth_usd: float
    most_usd: float


def _scales(later: Sequence[Exchange]) -> dict[str | None, _Scale]:
    """One for each route, for a unit that changed from exchange to exchange would weigh some for more than others.

    What costs more than three times the dearest that was ever expected counts as that.
    """
    found: dict[str | None, _Scale] = {}
    for one in later:
        decision = one.entry.decision
        if decision is not None:
            costs = [each.cost_usd for each in decision.candidates if each.cost_usd is not None]
            worth, most = found.get(one.entry.route, _Scale(0.0, 0.0))
            found[one.entry.route] = _Scale(
                max(worth, decision.worth_usd or 0.0), max(most, 3 * max(costs, default=0.0))
            )
    return found


def _row(one: Exchange, versions: Versions, scales: Mapping[str | None, _Scale]) -> _Row | None:
    """An exchange as the comparison takes it; None where nothing can be told of it."""
    entry, decision = one.entry, one.entry.decision
    if decision is None or decision.goal is None or decision.router not in versions.ran:
        return None
    asked = [each for each in decision.candidates if each.rejected is None and each.p_correct is not None]
    names = [each.deployment for each in asked]
    running = np.array([each.propensity for each in asked])
    if decision.chosen not in names or not math.isclose(float(running.sum()), 1.0, abs_tol=1e-3):
        return None
    chosen = names.index(decision.chosen)
    if running[chosen] <= 0:
        return None
    running /= running.sum()
    worth, scale = _worth(decision), scales[entry.route]
    cost = np.array([math.nan if each.cost_usd is None else each.cost_usd for each in asked])
    p = np.array([each.p_correct for each in asked], np.float64)
    new = _chosen_anew(one, decision, versions)
    other = running if new is None else _swapped(running, names.index(new[0]), names.index(new[1]), _lot(one, names))
    paid = cost[chosen] if entry.cost_nano_usd is None else entry.cost_nano_usd / _NANO
    known = bool(np.isfinite(cost).all())
    more = float(((other - running) * cost).sum()) if known and worth is None else 0.0
    return _Row(
        chosen,
        float(_value(np.array([one.score]), np.array([paid]), worth, scale)[0]),
        running,
        other,
        _value(p, cost, worth, scale),
        more,
        float((running * cost).sum()) if known else 0.0,
    )


def _worth(decision: Decision) -> float | None:
    return decision.worth_usd if decision.worth_usd else None


def _value(quality: Doubles, cost: Doubles, worth: float | None, scale: _Scale) -> Doubles:
    """Worth times quality less cost, as a part of the way from the worst to the best that there can be; quality without worth."""
    if worth is None or scale.most_usd <= 0:
        return np.clip(quality, 0.0, 1.0)
    paid = np.clip(np.where(np.isfinite(cost), cost, scale.most_usd), 0.0, scale.most_usd)
    part: Doubles = np.clip((worth * quality - paid + scale.most_usd) / (scale.worth_usd + scale.most_usd), 0.0, 1.0)
    return part


def _chosen_anew(one: Exchange, decision: Decision, versions: Versions) -> tuple[str, str] | None:
    """Whom the goal chose and whom the candidate would have had it choose, if those are two."""
    entry, goal = one.entry, decision.goal
    knob = versions.knobs.get(entry.route or "")
    settled = decision.session is not None or entry.trial is not None or entry.deliberation is not None
    if goal is None or goal.kind == "shares" or settled or decision.router is None:
        return None
    intended = decision.explored or decision.displaced or decision.chosen
    options = [
        Option(each.deployment, each.model, each.p_correct, each.p_error or 0.0, each.output_tokens or 0.0, each.cost_usd,
               each.basis or "outcomes")
        for each in decision.candidates
        if each.rejected is None and each.unhealthy is None and each.p_correct is not None
    ]  # fmt: skip
    answers = 1 if entry.grounds is None else entry.grounds.answers
    if knob is not None and decision.worth_usd is not None:
        knob = msgspec.structs.replace(knob, worth_usd=decision.worth_usd / answers)
    if not options or first_choice(options, goal, decision.reference, knob, answers) != intended:
        return None
    ease, ran = ease_of(entry), versions.ran[decision.router]
    again = [
        option._replace(
            p_correct=_p(
                versions.candidate.of(option.model).apply(plain_logit(option.p_correct, ease, option.model, ran), ease)
            ),
            basis="outcomes" if option.model in versions.candidate.models else option.basis,
        )
        for option in options
    ]
    new = first_choice(again, goal, decision.reference, versions.candidate_knobs.get(entry.route or ""), answers)
    return None if new == intended else (intended, new)


def _p(logit: float) -> float:
    return 1 / (1 + math.exp(-max(-12.0, min(12.0, logit))))


def _lot(one: Exchange, names: Sequence[str]) -> tuple[int, float] | None:
    lot = one.entry.lot
    return None if lot is None or lot.baseline not in names else (names.index(lot.baseline), lot.share)


def _swapped(running: Doubles, old: int, new: int, lot: tuple[int, float] | None) -> Doubles:
    """The propensities where `new` takes the place of `old`; what a holdout's lot gives to the baseline stays the baseline's."""
    held = np.zeros(len(running))
    if lot is not None and running[lot[0]] >= lot[1]:
        held[lot[0]] = lot[1]
    free = running - held
    free[[old, new]] = free[[new, old]]
    return np.asarray(free + held, np.float64)
