"""A plan of a holdout is about right: where so many sessions are there, the interval is as narrow as was asked for."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest

from entrepot.reports.experiment import LEAST_OF_EACH, compare
from entrepot.reports.holdout_plan import Assumed, plan_holdout
from tests.reports.test_experiment import SAVING, sessions


def test_as_many_sessions_as_were_assumed_are_about_enough() -> None:
    """A spread of one is about theirs (log-normal, sd of the log 0.92, of which predictions take more than half away)."""
    plan = plan_holdout(0.2, 0.08, 0.06, assumed=Assumed(SAVING, 1.1, 0.9, 1.0))
    assert not plan.saving.seen
    count = max(plan.saving.sessions, plan.quality.sessions)
    found = compare("auto", "b", sessions(count, 0.2, np.random.default_rng(3)))
    assert found.plain_fraction is not None
    assert found.quality is not None
    assert 0.03 < (found.plain_fraction.high - found.plain_fraction.low) / 2 < 0.11
    assert 0.04 < (found.quality.high - found.quality.low) / 2 < 0.08


def test_what_was_seen_takes_the_place_of_what_is_assumed() -> None:
    trials = sessions(3000, 0.2, np.random.default_rng(4))
    plan = plan_holdout(0.2, 0.05, 0.05, trials, Assumed(0.1, 40.0, 0.5, 0.01))
    assert plan.saving.seen
    assert plan.quality.seen
    found = compare("auto", "b", sessions(plan.saving.sessions, 0.2, np.random.default_rng(5)))
    assert found.fraction is not None
    assert (found.fraction.high - found.fraction.low) / 2 == pytest.approx(0.05, rel=0.3)
    other = plan_holdout(0.1, 0.05, 0.05, trials)
    assert not other.saving.seen, "of another share"


def test_a_narrower_interval_and_fewer_outcomes_take_more_sessions() -> None:
    wide, narrow = (plan_holdout(0.1, points, points) for points in (0.1, 0.02))
    assert wide.saving.sessions < narrow.saving.sessions
    assert wide.quality.sessions < narrow.quality.sessions
    rare = plan_holdout(0.1, 0.1, 0.1, assumed=msgspec.structs.replace(Assumed(), told=0.01))
    assert rare.quality.sessions == pytest.approx(10 * wide.quality.sessions, rel=0.001)
    assert plan_holdout(0.5, 0.9, 0.9).saving.sessions == 2 * LEAST_OF_EACH


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_a_share_of_all_or_nothing_is_no_holdout(share: float) -> None:
    with pytest.raises(ValueError, match="share"):
        plan_holdout(share, 0.05, 0.05)
