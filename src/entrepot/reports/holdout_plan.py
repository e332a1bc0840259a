"""How many sessions a holdout needs until its intervals are as narrow as somebody wants them.

By what the route's own experiment has shown so far, where there are enough sessions of either kind; else by what is assumed: of
the saving, that costs of sessions spread by so much of their mean in either arm, so that the ratio of the two means has the error
of both (the delta method); of quality, that outcomes are right or wrong at the rate stated. Predictions narrow intervals; how far
is known only from sessions, so that an assumed plan leaves them out. A plan is never wrong, only late.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import msgspec
import numpy as np

from entrepot.reports.experiment import LEAST_OF_EACH, SKEW_ALLOWANCE, Trial, cast_of, fewest, kept_of, spent_on
from entrepot.statistics.arms import difference_variance
from entrepot.statistics.sequences import units_for


class Assumed(msgspec.Struct, frozen=True):
    """What is taken for granted where no session shows it, all parts of one but `spread`, which is of the mean cost.

    `told` is the part of sessions of which somebody says what came of them.
    """

    saving: float = 0.5
    spread: float = 1.0
    quality: float = 0.8
    told: float = 0.1


class Needed(msgspec.Struct, frozen=True):
    """Sessions of a route, drawn or not, until the interval reaches `points` either way; `seen`: by its own sessions."""

    points: float
    sessions: int
    seen: bool


class HoldoutPlan(msgspec.Struct, frozen=True):
    """What a holdout of this share takes, for the saving (as a part of the baseline's cost) and for the difference in quality."""

    share: float
    saving: Needed
    quality: Needed


def plan_holdout(
    share: float,
    saving_points: float,
    quality_points: float,
    trials: Sequence[Trial] = (),
    assumed: Assumed = Assumed(),  # noqa: B008 - frozen
    confidence: float = 0.95,
) -> HoldoutPlan:
    """The plan for a share strictly between 0 and 1; points are parts of one. Raises ValueError where nothing can be planned.

    `trials` are sessions of the route so far, in the order in which they began. Those of another share do not count.
    """
    if not 0 < share < 1:
        raise ValueError(f"a share of {share}; it lies strictly between 0 and 1")
    least = math.ceil(LEAST_OF_EACH / min(share, 1 - share))
    cast = [one for one in cast_of(trials) if math.isclose(one.share, share)]
    known = [one for one in cast if one.cost_usd is not None]
    told = [one for one in cast if one.outcome is not None]
    seen_costs, seen_quality = fewest(known) >= LEAST_OF_EACH, fewest(told) >= LEAST_OF_EACH
    spread = _ratio_deviation(known) if seen_costs else _assumed_deviation(share, assumed)
    v = assumed.quality * (1 - assumed.quality)
    deviation = float(np.std(kept_of(told))) if seen_quality else math.sqrt(difference_variance(share, v, v))
    of_costs = units_for(saving_points, spread, confidence, SKEW_ALLOWANCE)
    part = len(told) / len(cast) if seen_quality else assumed.told
    of_quality = math.ceil(max(units_for(quality_points, deviation, confidence), least) / part)
    return HoldoutPlan(
        share,
        Needed(saving_points, max(of_costs, least), seen_costs),
        Needed(quality_points, of_quality, seen_quality),
    )


def _ratio_deviation(trials: Sequence[Trial]) -> float:
    """The standard deviation of what one session adds to the ratio of the mean saving to the baseline's mean cost."""
    found = spent_on(trials)
    mean = float(found.running.mean())
    ratio = float(found.saved.mean()) / mean
    return float(np.std(found.saved - ratio * found.running)) / mean


def _assumed_deviation(share: float, assumed: Assumed) -> float:
    return (1 - assumed.saving) * assumed.spread * math.sqrt(1 / share + 1 / (1 - share))
