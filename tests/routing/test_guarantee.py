from __future__ import annotations

import numpy as np
import pytest

from entrepot.routing.guarantee import Alarm, make_promise, order_settings, p_value_of


def losses(prompts: int, losing: float, winning: float, seed: int) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    return np.random.default_rng(seed).choice([1.0, -1.0, 0.0], prompts, p=[losing, winning, 1 - losing - winning])


@pytest.mark.parametrize("graded", [False, True])
def test_a_loss_at_the_limit_is_seldom_taken_for_one_below(graded: bool) -> None:
    found = [p_value_of(losses(400, 0.12, 0.07, seed) * (0.999 if graded else 1.0), 0.05) for seed in range(400)]
    assert np.mean(np.array(found) <= 0.1) <= 0.13


@pytest.mark.parametrize("graded", [False, True])
def test_a_loss_well_below_the_limit_is_found_so(graded: bool) -> None:
    found = [p_value_of(losses(1000, 0.05, 0.05, seed) * (0.999 if graded else 1.0), 0.05) for seed in range(50)]
    assert np.mean(np.array(found) <= 0.1) > 0.95


def test_without_any_loss_a_thousand_prompts_show_one_point_and_two_hundred_do_not() -> None:
    assert p_value_of(np.zeros(1000), 0.01) < 0.1 < p_value_of(np.zeros(200), 0.01)


def test_without_prompts_nothing_is_shown() -> None:
    assert p_value_of(np.zeros(0), 0.05) == 1


def test_more_losses_never_make_it_likelier_to_hold() -> None:
    found = [p_value_of(np.array([1.0] * n + [0.0] * (500 - n)), 0.05) for n in range(0, 60, 5)]
    assert found == sorted(found)


def promise(columns: list[np.ndarray[tuple[int], np.dtype[np.float64]]], order: list[int]) -> str | int | None:
    return make_promise(np.stack(columns, axis=1), order, reference="big", max_loss=0.05, confidence=0.9).setting


def test_testing_stops_at_the_first_setting_that_cannot_be_shown_to_hold() -> None:
    good, bad = losses(1000, 0.01, 0.01, 0), losses(1000, 0.2, 0.0, 1)
    assert promise([good, good, bad, good], [0, 1, 2, 3]) == 1
    assert promise([good, good, good], [0, 2]) == 2


def test_where_nothing_can_be_shown_it_refuses_and_says_so() -> None:
    few = losses(50, 0.1, 0, 0)[:, None]
    found = make_promise(few, [0], reference="big", max_loss=0.05, confidence=0.9, date="2026-11-22")
    assert found.setting is None
    assert "no promise" in str(found)
    assert "everything goes to big" in str(found)
    assert "2026-11-22" in str(found)


def test_a_promise_says_what_against_whom_on_what() -> None:
    found = make_promise(np.zeros((500, 1)), [0], reference="big", max_loss=0.02, confidence=0.95, data="our tickets")
    assert str(found) == "at most 2 points below big on average, with 95% confidence, on 500 prompts of our tickets"


def test_the_order_begins_with_the_safest_and_goes_on_to_the_cheaper() -> None:
    mean, deviation = np.array([0.0, -0.02, 0.01, 0.08]), np.array([0.0, 0.1, 0.2, 0.4])
    order = order_settings(mean, deviation, np.array([9.0, 5.0, 3.0, 1.0]), 0.02, 500)
    assert order == [1, 2, 3]


def test_an_alarm_seldom_rings_for_a_promise_that_holds_and_soon_for_one_that_is_broken() -> None:
    holding = [Alarm(0.05, 0.05).observe(losses(2000, 0.10, 0.05, seed).tolist()) for seed in range(100)]
    broken = [Alarm(0.05, 0.05).observe(losses(2000, 0.20, 0.05, seed).tolist()) for seed in range(20)]
    assert np.mean(holding) <= 0.1
    assert all(broken)


def test_a_window_forgets_what_is_long_past() -> None:
    alarm = Alarm(0.05, 0.01, window=100)
    assert not alarm.observe([0.0] * 5000)
    assert alarm.observe([1.0] * 30)
