"""Why the saving by lot is not the saving estimated: from one to the other in steps, each with its assumption.

The estimate (`savings.py`) takes what was routed and asks what the baseline would have cost for it. The experiment has
sessions that the baseline really answered. Between them lie assumptions, and each step puts what the holdout saw in the place
of one:

  - *traffic*: the estimate covers every exchange of the route with this baseline, the lot only those it was cast for;
  - *length*: the router's prediction of how long the baseline's answers would be, beside what it wrote for those drawn
    (nothing where the estimate is corrected by these already);
  - *in vain*: what went into exchanges that did not complete, and at the baseline into attempts that nobody got, which is
    assumed to be nothing;
  - *turns*: that the baseline's sessions would have as many exchanges: one that answers badly is asked again;
  - *requests*: what is left of the baseline's cost per exchange: longer conversations, fewer or more tokens from a cache, and
    the luck of which sessions were drawn; the part of tokens that came from a cache is told beside it;
  - *adjustment*: from the plain comparison to that adjusted by predictions.

They add up to the difference exactly; their order is this one, and another would give each a little more or less. A part says
where a difference lies, not that there is one: that is for the two intervals to say.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import Literal

import msgspec

from entrepot.ledger.store import Drawn, LedgerReader, Period, Unfinished
from entrepot.reports.savings import combine
from entrepot.statistics.intervals import Interval

Name = Literal["traffic", "length", "in_vain", "turns", "requests", "adjustment"]


class Estimate(msgspec.Struct, frozen=True):
    """The saving of what was not drawn, as a part of the baseline's cost, and how it was come by.

    `exchanges` were compared; the router's predictions were multiplied by `factor`, which the lot gave where `by_lot`.
    """

    fraction: Interval
    exchanges: int
    factor: float
    by_lot: bool


class Part(msgspec.Struct, frozen=True):
    """One step: what was `assumed`, what was `seen`, and by how much (a part of the baseline's cost) that moves the saving."""

    name: Name
    assumed: float | None
    seen: float | None
    moves: float


class Parts(msgspec.Struct, frozen=True):
    """The steps from the saving estimated to that by lot; `by_chance` says that the intervals of both have points in common.

    `cached_routed` and `cached_drawn` are the parts of what was read that came from a cache, None where nothing was read.
    """

    steps: tuple[Part, ...]
    by_chance: bool
    cached_routed: float | None
    cached_drawn: float | None

    @property
    def largest(self) -> Part:
        """The step that moves the saving most."""
        return max(self.steps, key=lambda step: abs(step.moves))


def estimate_of(reader: LedgerReader, period: Period, exchanges: Sequence[Drawn], confidence: float) -> Estimate | None:
    """The saving of what was not drawn, as the savings report estimates it; None where that is not possible.

    `exchanges` are those of one route and baseline, at least one. All that were drawn are left out, also where the router would
    have chosen the baseline by itself: else those that are left would be the harder ones.
    """
    route, baseline = exchanges[0].route, exchanges[0].baseline
    named = [part for part in reader.comparisons(period, route) if part.baseline_deployment == baseline]
    savings = combine(named, Unfinished(), confidence)
    found = savings.baseline
    if found is None:
        return None
    first = savings.estimates[0]
    drawn = [one for one in exchanges if one.drawn and one.completed and one.would_nano_usd is not None]
    drawn = [one for one in drawn if one.cost_nano_usd is not None]
    would = _would(drawn, first.factor)
    cost = savings.cost_nano_usd - sum(one.cost_nano_usd or 0 for one in drawn)
    if found.low_nano_usd <= would:
        return None
    ends = (found.nano_usd, found.low_nano_usd, found.high_nano_usd)
    fraction = Interval(*(1 - cost / (end - would) for end in ends))
    return Estimate(fraction, savings.exchanges - len(drawn), first.factor, first.by_lot)


def take_apart(exchanges: Sequence[Drawn], estimate: Estimate, by_lot: Interval | None) -> Parts | None:
    """The steps from `estimate` to the experiment of these exchanges; None where the experiment says nothing yet.

    Also None where of one kind nothing completed, so that there is nothing to set side by side.
    """
    if by_lot is None or not math.isfinite(by_lot.estimate):
        return None
    unknown = {one.unit for one in exchanges if one.cost_nano_usd is None or not 0 < one.share < 1}
    known = [one for one in exchanges if one.unit not in unknown]
    routed, drawn = (_Arm([one for one in known if one.drawn == is_drawn]) for is_drawn in (False, True))
    compared = [one for one in routed.completed if one.would_nano_usd is not None]
    if not compared or not drawn.completed or not drawn.cost:
        return None
    factor = estimate.factor if estimate.by_lot else _factor(drawn.completed)
    steps: list[Part] = []
    at = estimate.fraction.estimate

    def step(name: Name, assumed: float | None, seen: float | None, fraction: float) -> None:
        nonlocal at
        steps.append(Part(name, assumed, seen, fraction - at))
        at = fraction

    cost = sum(one.cost_nano_usd or 0 for one in compared)
    step("traffic", estimate.exchanges, len(compared), 1 - cost / _would(compared, estimate.factor))
    step("length", estimate.factor, factor, 1 - cost / _would(compared, factor))
    would = _would(compared, factor) * len(routed.completed) / len(compared)
    lost = drawn.in_vain / drawn.cost
    baseline = would / (1 - lost) if lost < 1 else would
    step("in_vain", 0.0, lost, 1 - routed.cost / baseline)
    step("turns", routed.turns, drawn.turns, 1 - routed.cost / (baseline * drawn.turns / routed.turns))
    each = (baseline / len(routed.completed), drawn.cost / len(drawn.completed))
    step("requests", each[0], each[1], 1 - (routed.cost / routed.sessions) / (drawn.cost / drawn.sessions))
    step("adjustment", None, None, by_lot.estimate)
    low, high = max(by_lot.low, estimate.fraction.low), min(by_lot.high, estimate.fraction.high)
    return Parts(tuple(steps), low <= high, routed.cached, drawn.cached)


class _Arm:
    """The exchanges of one kind, added up."""

    def __init__(self, exchanges: Sequence[Drawn]) -> None:
        self.completed = [one for one in exchanges if one.completed]
        self.cost = sum(one.cost_nano_usd or 0 for one in exchanges)
        self.in_vain = sum(one.thrown_away_nano_usd if one.completed else one.cost_nano_usd or 0 for one in exchanges)
        self.sessions = len(Counter(one.unit for one in exchanges))
        self.turns = len(self.completed) / self.sessions if self.sessions else math.nan
        read = sum(one.read_tokens for one in exchanges)
        self.cached = sum(one.cached_tokens for one in exchanges) / read if read else None


def _would(exchanges: Sequence[Drawn], factor: float) -> float:
    """What the baseline would have cost for them, where predictions are multiplied by `factor`."""
    return max(1.0, sum((one.would_nano_usd or 0) * (1.0 if one.measured else factor) for one in exchanges))


def _factor(exchanges: Sequence[Drawn]) -> float:
    """What those that the baseline answered cost, in times what was predicted for them; 1 where nothing was."""
    pairs = [
        (one.would_nano_usd or 0, one.predicted_nano_usd)
        for one in exchanges
        if one.measured and one.predicted_nano_usd
    ]
    predicted = sum(x for _, x in pairs)
    return sum(y for y, _ in pairs) / predicted if predicted else 1.0
