from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from entrepot.learning.frozen import Frozen, freeze_cost, freeze_quality, rising, smoothed

QUALITY = np.array([0.6, 0.8, 0.85, 0.9])
COST = np.array([1.0, 2.0, 9.0, 10.0])


def mean(frozen: Frozen, values: np.ndarray[tuple[int], np.dtype[np.float64]]) -> float:
    return float(frozen.share * values[frozen.high] + (1 - frozen.share) * values[frozen.low])


@pytest.mark.parametrize("target", [0.6, 0.65, 0.8, 0.84, 0.85, 0.9])
def test_a_mixture_reaches_its_target_and_costs_no_more_than_a_single_knob(target: float) -> None:
    frozen = freeze_quality(QUALITY, COST, target)
    assert mean(frozen, QUALITY) >= target - 1e-9
    assert mean(frozen, COST) <= COST[target <= QUALITY].min() + 1e-9


def test_a_knob_above_the_line_between_others_is_not_used() -> None:
    frozen = freeze_quality(QUALITY, COST, 0.85)
    assert (frozen.low, frozen.high) == (1, 3)


def test_a_target_out_of_reach_gets_the_best_there_is() -> None:
    assert freeze_quality(QUALITY, COST, 0.95).by_prompt(["a", "b"]).tolist() == [3, 3]


@pytest.mark.parametrize("budget", [1.0, 1.5, 6.0, 10.0, 20.0])
def test_a_budget_is_kept_and_used(budget: float) -> None:
    frozen = freeze_cost(QUALITY, COST, budget)
    assert mean(frozen, COST) <= budget + 1e-9
    assert mean(frozen, QUALITY) >= QUALITY[budget >= COST].max() - 1e-9


def test_lots_are_drawn_by_prompt_and_come_out_as_their_share() -> None:
    ids = [f"prompt-{number}" for number in range(4000)]
    drawn = Frozen(0, 1, 0.3).by_prompt(ids)
    assert drawn.mean() == pytest.approx(0.3, abs=0.03)
    assert (Frozen(0, 1, 0.3).by_prompt(ids[::-1])[::-1] == drawn).all()


def test_what_rises_already_is_left_as_it_is() -> None:
    assert rising(QUALITY).tolist() == QUALITY.tolist()


@given(st.lists(st.floats(0, 1), min_size=1, max_size=30))
def test_rising_values_never_fall_and_keep_their_mean(values: list[float]) -> None:
    found = rising(np.array(values))
    assert (np.diff(found) >= 0).all()
    assert found.mean() == pytest.approx(np.mean(values))


def test_a_lucky_knob_is_drawn_towards_its_neighbours() -> None:
    assert smoothed(np.array([0.5, 0.9, 0.5])).tolist() == [0.6, 0.7, 0.6]
