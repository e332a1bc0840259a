"""Which of several hosts of the model that was chosen is asked first.

Rules of this file: pure; loads and paces are handed in, what is drawn is drawn with the lot that is given, and the propensities
that are recorded are the exact ones of the rule that was used. The model stays the goal's choice: this never changes it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Literal

import msgspec

from entrepot.routing.utility import Decision

Balance = Literal["price", "weight", "load", "latency"]
"""`price`: as the goal ordered them. `weight`: by lot, each its part. `load`: with the least under way for its weight.
`latency`: the better of two that are drawn, by the time of an answer and what is under way (peak EWMA with the power of two
choices: M. Mitzenmacher 2001; Finagle's PeakEwma).
"""


class Standing(msgspec.Struct, frozen=True):
    """What is known of one host. `answer_s`: the time of a typical answer, None where nothing is known."""

    load: int = 0
    answer_s: float | None = None
    weight: float = 1.0


BALANCED = "goes first, by"
"""What the reason says of a host that went first in place of another of its model."""


def balance(
    decision: Decision, how: Balance, standing_of: Callable[[str], Standing], unhealthy: Mapping[str, str], lot: float
) -> Decision:
    """The decision with one of the healthy hosts of the chosen model first. `lot` is uniform in [0, 1)."""
    if how == "price" or len(decision.order) < 2 or (decision.goal is not None and decision.goal.kind == "shares"):
        return decision
    models = {each.deployment: each.model for each in decision.candidates}
    model = models.get(decision.chosen)
    hosts = [id_ for id_ in decision.order if models.get(id_) == model and id_ not in unhealthy]
    if len(hosts) < 2 or decision.chosen not in hosts:
        return decision
    standings = [standing_of(id_) for id_ in hosts]
    parts = parts_of(how, standings)
    first = hosts[_drawn(parts, lot)]
    given = sum(each.propensity for each in decision.candidates if each.deployment in hosts)
    part = dict(zip(hosts, parts, strict=True))
    candidates = tuple(
        msgspec.structs.replace(each, propensity=given * part[each.deployment]) if each.deployment in part else each
        for each in decision.candidates
    )
    order = (first, *(id_ for id_ in decision.order if id_ != first))
    reason = f"{decision.reason}; of its {len(hosts)} hosts {first} {BALANCED} {how}"
    return msgspec.structs.replace(decision, order=order, candidates=candidates, reason=reason)


def parts_of(how: Balance, standings: Sequence[Standing]) -> list[float]:
    """The probability with which each host goes first; at least two, and they sum to 1."""
    if how == "weight":
        whole = sum(one.weight for one in standings)
        return [one.weight / whole for one in standings]
    if how == "load":
        loads = [one.load / one.weight for one in standings]
        least = [load == min(loads) for load in loads]
        return [is_least / sum(least) for is_least in least]
    known = [one.answer_s for one in standings if one.answer_s is not None]
    guess = min(
        known, default=1.0
    )  # one of which nothing is known is taken to be as good as the best, or it never is asked
    costs = [(guess if one.answer_s is None else one.answer_s) * (one.load + 1) / one.weight for one in standings]
    pairs = len(costs) * (len(costs) - 1) / 2
    return [
        sum(1.0 if cost < other else 0.5 if cost == other else 0.0 for n, other in enumerate(costs) if n != at) / pairs
        for at, cost in enumerate(costs)
    ]


def _drawn(parts: Sequence[float], lot: float) -> int:
    """Where the lot falls, among those that have any part."""
    last = 0
    for at, part in enumerate(parts):
        if part > 0:
            last = at
            lot -= part
            if lot < 0:
                return at
    return last
