"""A fall is noticed soon, and what did not fall raises no more alarms than was said."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from entrepot.statistics.detection import Watch, first_alarm, log_suspicion, outcomes_to_notice

RUNS = 300
WATCH = Watch(within=6_000)


def yes_or_no(rate: float, count: int, seed: int) -> np.ndarray:
    return (np.random.default_rng(seed).random((count, RUNS)) < rate).astype(float)


@pytest.mark.parametrize("rate", [0.95, 0.8])
def test_what_did_not_fall_raises_few_alarms(rate: float) -> None:
    assert np.mean(first_alarm(yes_or_no(rate, WATCH.within, 21), rate, WATCH) > 0) <= 0.08


def test_a_fall_of_five_points_is_out_within_2000_exchanges_in_nine_of_ten() -> None:
    before = 1000
    for rate in (0.9, 0.8):
        y = np.concatenate([yes_or_no(rate, before, 22), yes_or_no(rate - 0.05, 2000, 23)])
        at = first_alarm(y, rate, Watch())
        awake = (at == 0) | (at > before)
        assert np.mean(at[awake] > 0) >= 0.9
        assert np.quantile(at[awake & (at > 0)] - before, 0.9) <= outcomes_to_notice(Watch(), rate * (1 - rate))


def test_a_small_error_of_what_is_expected_is_tolerated_if_asked_for() -> None:
    tolerant = WATCH._replace(tolerated=0.01)
    y = yes_or_no(0.9, WATCH.within, 24)
    assert np.mean(first_alarm(y, 0.91, tolerant) > 0) <= 0.08
    assert outcomes_to_notice(tolerant, 0.09) > outcomes_to_notice(WATCH, 0.09)


def test_knowing_which_prompts_are_hard_makes_it_sooner() -> None:
    chance = np.random.default_rng(25)
    hard = np.where(chance.random((4000, RUNS)) < 0.5, 0.99, 0.6)
    y = (chance.random(hard.shape) < hard - 0.05).astype(float)
    with_it, without = first_alarm(y, hard, WATCH), first_alarm(y, float(hard.mean()), WATCH)
    assert min(with_it.min(), without.min()) > 0
    assert np.median(with_it) < 0.85 * np.median(without)


@given(y=arrays(np.float64, 40, elements=st.floats(0, 1)), expected=st.floats(0, 1))
def test_the_suspicion_is_the_sum_of_all_that_sat_down(y: np.ndarray, expected: float) -> None:
    """Against the recursion by which it is defined: (R + 1) times what one bet returns."""
    logs = log_suspicion(y, expected, WATCH)
    suspicion = 0.0
    spread = 25 * 0.15
    for n, value in enumerate(y):
        stake = min(0.75, 0.05 / (spread / (25 + n) + 0.05**2))
        suspicion = (suspicion + 1) * (1 + stake * (expected - value))
        spread += (value - expected) ** 2
        assert np.exp(logs[n]) == pytest.approx(suspicion, rel=1e-6)


def test_nothing_seen_raises_no_alarm_and_nonsense_is_refused() -> None:
    assert first_alarm([], 0.5, WATCH) == 0
    with pytest.raises(ValueError, match="between 0 and 1"):
        log_suspicion([1.2], 0.5, WATCH)
    with pytest.raises(ValueError, match="tolerated"):
        log_suspicion([1.0], 0.5, Watch(drop=0.05, tolerated=0.05))
