"""A router that is worse is promoted from logs in few slices, one that is better in most, and clipping only makes it careful."""

from __future__ import annotations

import math

import numpy as np
import pytest

from entrepot.statistics.offpolicy import Logged, compare_routers, pessimistic_differences

RUNS, SLICE = 150, 3000
RATES = np.array([[0.9, 0.85, 0.8], [0.4, 0.6, 0.9]])
"""What comes of three candidates for easy and for hard prompts."""


def slice_of(
    chance: np.random.Generator, skill: float, n: int = SLICE, lie: float = 0.0, explored: float = 0.1
) -> Logged:
    """A running router that sends half to each of the first two; one that sends hard ones to the third with `skill`.

    At a skill of 0 both are the same; below, the other sends hard ones to the first more often.
    """
    hard = (chance.random(n) < 0.5).astype(int)
    running = np.tile([0.5, 0.5, 0.0], (n, 1)) * (1 - explored) + explored / 3
    other = running.copy()
    wins, loses = (2, 0) if skill > 0 else (0, 2)
    moved = abs(skill) * running[:, loses] * hard if skill > 0 else abs(skill) * running[:, 1] * hard
    other[:, wins] += moved
    other[:, loses if skill > 0 else 1] -= moved
    chosen = (chance.random(n)[:, None] > running.cumsum(axis=1)).sum(axis=1).clip(0, 2)
    reward = (chance.random(n) < RATES[hard, chosen]).astype(float)
    expected = np.clip(RATES[hard] + lie * np.array([1, -1, 1]), 0, 1)
    return Logged(chosen, reward, running, other, expected)


@pytest.mark.parametrize("lie", [0.0, 0.3])
def test_a_router_that_is_no_better_is_promoted_in_few_slices_and_a_better_one_in_most(lie: float) -> None:
    chance = np.random.default_rng(51)
    equal = [compare_routers(slice_of(chance, 0.0, lie=lie), SLICE).promote for _ in range(5)]
    assert not any(equal)  # the same choices are never better
    worse = [compare_routers(slice_of(chance, -0.3, lie=lie), SLICE).promote for _ in range(RUNS)]
    assert np.mean(worse) <= 0.08
    better = [compare_routers(slice_of(chance, 0.6, lie=lie), SLICE).promote for _ in range(RUNS // 3)]
    assert np.mean(better) >= 0.9


def test_the_estimates_find_the_value_and_the_difference_bounds_it_from_below() -> None:
    n = 60_000
    found = compare_routers(slice_of(np.random.default_rng(52), 0.6, n), n)
    truth = 0.5 * 0.6 * (0.45 + 0.1 / 3) * (0.9 - 0.4)
    for value in (found.ips, found.snips, found.dr):
        assert value - found.running_value == pytest.approx(truth, abs=0.02)
    assert found.difference.low <= truth <= found.difference.high
    assert found.difference.estimate == pytest.approx(truth, abs=0.01)
    assert found.unsupported == 0.0
    assert 0 < found.effective < found.exchanges == n


def test_what_the_running_router_never_does_is_worth_nothing() -> None:
    """All the other router would gain lies where the running one does not go: no promotion, and the report says so."""
    n = 2000
    running, other = np.tile([1.0, 0.0], (n, 1)), np.tile([0.3, 0.7], (n, 1))
    reward = (np.random.default_rng(53).random(n) < 0.5).astype(float)
    found = compare_routers(Logged(np.zeros(n, dtype=int), reward, running, other, np.full((n, 2), [0.5, 1.0])), n)
    assert not found.promote
    assert found.unsupported == pytest.approx(0.7)
    assert found.difference.high < 0


def test_clipping_lowers_what_is_claimed_and_never_raises_it() -> None:
    logged = slice_of(np.random.default_rng(54), 0.8, 40_000, lie=0.2)
    means = [float(pessimistic_differences(logged, most).values.mean()) for most in (1.0, 3.0, 30.0)]
    assert means == sorted(means)
    for most in (1.0, 3.0, 30.0):
        found = pessimistic_differences(logged, most)
        assert (found.low - 1e-9 <= found.values).all()
        assert (found.values <= found.high + 1e-9).all()


def test_no_exchange_promotes_nobody() -> None:
    none = Logged([], [], np.zeros((0, 2)), np.zeros((0, 2)), np.zeros((0, 2)))
    found = compare_routers(none, 100)
    assert (found.promote, found.exchanges) == (False, 0)
    assert math.isnan(found.dr)


ONE = Logged([0], [1.0], [[0.5, 0.5]], [[0.2, 0.8]], [[0.5, 0.5]])


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (ONE._replace(reward=[2.0]), "between 0 and 1"),
        (ONE._replace(running=[[0.5, 0.2]]), "add up"),
        (ONE._replace(running=[[0.0, 1.0]]), "could not be"),
        (ONE._replace(other=[[1.0]]), "shapes"),
    ],
)
def test_logs_that_make_no_sense_are_refused(wrong: Logged, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        pessimistic_differences(wrong)
    with pytest.raises(ValueError, match="at least one"):
        pessimistic_differences(ONE, 0.5)
