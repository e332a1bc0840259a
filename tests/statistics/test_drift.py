"""What changed is noticed, what did not raises few alarms."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pytest

from entrepot.statistics.drift import (
    Wary,
    calibration_suspicion,
    first_alarm,
    means_suspicion,
    price_changes,
    shares_suspicion,
)

WARY = Wary(within=5000)
RUNS, LENGTH = 150, 5000
SHARES = np.array([0.5, 0.3, 0.15, 0.05])
MEANS = np.array([0.5, 0.1, 0.02])
FEW = 0.09


def test_domains_that_stay_raise_few_alarms_and_a_shift_of_ten_points_is_noticed() -> None:
    chance = np.random.default_rng(71)
    same = [first_alarm(shares_suspicion(chance.choice(4, LENGTH, p=SHARES), SHARES), WARY) for _ in range(RUNS)]
    assert sum(at is not None for at in same) / RUNS <= FEW
    moved = SHARES + np.array([-0.1, 0.0, 0.1, 0.0])
    found = []
    for _ in range(40):
        at = np.concatenate([chance.choice(4, 1000, p=SHARES), chance.choice(4, 2000, p=moved)])
        found.append(first_alarm(shares_suspicion(at, SHARES), WARY))
    assert sum(at is not None and at > 1000 for at in found) >= 36


def test_a_domain_that_was_never_there_is_noticed_soon() -> None:
    at = np.concatenate([np.zeros(500, dtype=int), np.tile([0, 0, 0, 1], 100)])
    found = first_alarm(shares_suspicion(at, [1.0, 0.0]), WARY)
    assert found is not None
    assert 500 < found < 620


def test_features_that_stay_raise_few_alarms_and_one_that_rises_is_noticed() -> None:
    chance = np.random.default_rng(72)
    same = [
        first_alarm(means_suspicion((chance.random((LENGTH, 3)) < MEANS).astype(float), MEANS, WARY), WARY)
        for _ in range(RUNS)
    ]
    assert sum(at is not None for at in same) / RUNS <= FEW
    found = []
    for _ in range(40):
        x = np.concatenate(
            [chance.random((1000, 3)) < MEANS, chance.random((2000, 3)) < MEANS + np.array([0, 0, 0.08])]
        )
        found.append(first_alarm(means_suspicion(x.astype(float), MEANS, WARY), WARY))
    assert sum(at is not None and at > 1000 for at in found) >= 36


def test_a_router_that_is_right_on_average_and_wrong_at_either_end_is_noticed() -> None:
    chance = np.random.default_rng(73)
    alarms = missed = 0
    for _ in range(60):
        p = chance.choice([0.1, 0.9], 4000)
        alarms += first_alarm(calibration_suspicion(chance.random(4000) < p, p, WARY), WARY) is not None
        actual = np.where(p > 0.5, 0.8, 0.2)
        missed += first_alarm(calibration_suspicion(chance.random(4000) < actual, p, WARY), WARY) is None
    assert alarms <= 8
    assert missed <= 3


def test_what_comes_later_never_changes_what_was_seen() -> None:
    x = np.random.default_rng(74).random((333, 2))
    whole, part = means_suspicion(x, [0.4, 0.6], WARY), means_suspicion(x[:175], [0.4, 0.6], WARY)
    np.testing.assert_allclose(whole[:175], part)
    at = (x[:, 0] * 4).astype(int)
    np.testing.assert_allclose(shares_suspicion(at, SHARES)[:175], shares_suspicion(at[:175], SHARES))


def test_nothing_yet_is_no_alarm() -> None:
    assert first_alarm(shares_suspicion([], SHARES), WARY) is None
    assert first_alarm(means_suspicion(np.zeros((0, 3)), MEANS, WARY), WARY) is None
    assert first_alarm(calibration_suspicion([], [], WARY), WARY) is None


def test_prices_that_moved_are_named_the_largest_change_first() -> None:
    before = {"a": Decimal("1.00"), "b": Decimal("2.00"), "c": Decimal("3"), "free": Decimal(0), "gone": Decimal(1)}
    now = {"a": Decimal("1.25"), "b": Decimal("1.00"), "c": Decimal("3.15"), "free": Decimal(1), "came": Decimal(1)}
    found = price_changes(before, now)
    assert [one.deployment for one in found] == ["free", "b", "a"]
    assert found[1].fraction == Decimal("-0.5")
    assert price_changes(before, before) == ()


def test_what_makes_no_sense_is_refused() -> None:
    with pytest.raises(ValueError, match="one share for each"):
        shares_suspicion([0], [0.0, 0.0])
    with pytest.raises(ValueError, match="outside 0 to 3"):
        shares_suspicion([4], SHARES)
    with pytest.raises(ValueError, match="features of shape"):
        means_suspicion(np.zeros((3, 2)), MEANS, WARY)
    with pytest.raises(ValueError, match="between 0 and 1"):
        means_suspicion(np.full((3, 3), 2.0), MEANS, WARY)
    with pytest.raises(ValueError, match="expectations of shape"):
        calibration_suspicion([1.0], [1.0, 0.5], WARY)
    with pytest.raises(ValueError, match="between 0 and 1"):
        calibration_suspicion([1.5], [1.0], WARY)
