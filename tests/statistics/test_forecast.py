"""Forecasts cover what comes, on series whose truth is known."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from entrepot.statistics.forecast import LEAST_DAYS, MOST_DAYS, forecast_sum, weekday_factors

WEEK = np.array([1, 1, 1, 1, 1, 0.25, 0.2])


def a_series(kind: str, days: int, chance: np.random.Generator) -> list[float]:
    """So many days at about 100, beginning on a Monday."""
    noise = 100 * chance.lognormal(-0.02, 0.2, days)
    wander = np.exp(np.cumsum(chance.normal(0, 0.03, days)))
    weekday = WEEK[np.arange(days) % 7]
    if kind == "skewed":
        return list(100 * chance.lognormal(-0.32, 0.8, days))
    if kind == "clinging":
        steps = chance.normal(0, 0.15, days)
        for day in range(1, days):
            steps[day] += 0.6 * steps[day - 1]
        return list(100 * np.exp(steps))
    return list({"flat": noise, "weekly": noise * weekday, "wandering": noise * wander}[kind])


@pytest.mark.parametrize(
    ("kind", "least"), [("flat", 0.92), ("weekly", 0.92), ("wandering", 0.86), ("skewed", 0.9), ("clinging", 0.86)]
)
@pytest.mark.parametrize(("known", "ahead"), [(10, 20), (25, 5), (60, 28)])
def test_the_interval_covers_what_comes(kind: str, least: float, known: int, ahead: int) -> None:
    chance = np.random.default_rng(3)
    covered, runs = 0, 100
    for _ in range(runs):
        covered += is_covered(a_series(kind, known + ahead, chance), known)
    assert covered / runs >= least


def is_covered(days: list[float], known: int) -> bool:
    found = forecast_sum(days[:known], [1.0] * (len(days) - known), 0)
    assert found is not None
    return found.low <= sum(days[known:]) <= found.high


def test_of_companies_of_which_three_in_five_spend_evenly_it_covers_as_many_as_it_says() -> None:
    chance = np.random.default_rng(11)
    covered, runs = 0, 300
    for _ in range(runs):
        known, ahead = int(chance.integers(8, 85)), int(chance.integers(3, 29))
        ratio = chance.choice([0, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0], p=[0.6, 0.08, 0.08, 0.08, 0.08, 0.04, 0.04])
        level = 1000 + np.cumsum(chance.normal(0, 20 * ratio**0.5, known + ahead))
        covered += is_covered(list(np.maximum(0, level + chance.normal(0, 20, known + ahead))), known)
    assert 0.92 <= covered / runs <= 0.98


def test_an_even_month_is_not_given_the_interval_of_one_that_wanders() -> None:
    chance = np.random.default_rng(12)
    widths = []
    for _ in range(30):
        found = forecast_sum(a_series("flat", 60, chance), [1.0] * 28, 0)
        assert found is not None
        widths.append((found.high - found.low) / 2800)
    # were it known that the level stays: 4 * 0.2 * sqrt(28 + 28 * 28 / 60) / 28 = 0.18
    assert np.median(widths) < 0.3


def test_a_long_flat_series_is_forecast_closely() -> None:
    chance = np.random.default_rng(4)
    found = forecast_sum(a_series("flat", 84, chance), [1.0] * 10, 0)
    assert found is not None
    assert found.estimate == pytest.approx(1000, rel=0.1)
    assert found.high - found.low < 500


def test_weekends_are_not_taken_for_weekdays() -> None:
    chance = np.random.default_rng(5)
    days = a_series("weekly", 42, chance)
    weekend = forecast_sum([*days, *days[:5]], [1.0, 1.0], 0)
    workdays = forecast_sum(days, [1.0, 1.0], 0)
    assert weekend is not None
    assert workdays is not None
    assert weekend.high < workdays.low


@given(st.lists(st.floats(0, 1e12), min_size=LEAST_DAYS, max_size=100), st.integers(0, 6), st.integers(0, 31))
@settings(max_examples=60, deadline=None)
def test_whatever_was_spent_the_forecast_is_a_number_and_not_negative(
    days: list[float], first: int, ahead: int
) -> None:
    found = forecast_sum(days, [1.0] * ahead, first)
    assert found is not None
    assert 0 <= found.low <= found.high < np.inf
    assert found.estimate <= found.high


def test_few_days_are_no_ground_for_a_forecast() -> None:
    assert forecast_sum([1.0] * (LEAST_DAYS - 1), [1.0], 0) is None


def test_nothing_is_to_come_of_a_day_that_is_over() -> None:
    assert forecast_sum([1.0, 2.0] * 5, [0.0], 0) == (0.0, 0.0, 0.0)


def test_less_confidence_takes_a_narrower_interval() -> None:
    days = a_series("flat", 30, np.random.default_rng(6))
    wide, narrow = forecast_sum(days, [1.0] * 5, 0), forecast_sum(days, [1.0] * 5, 0, 0.5)
    assert wide is not None
    assert narrow is not None
    assert wide.low < narrow.low < narrow.high < wide.high


def test_what_never_varies_goes_on() -> None:
    found = forecast_sum([5.0] * 9, [0.5, 1.0], 3)
    assert found is not None
    assert (found.estimate, found.low, found.high) == (7.5, 7.5, 7.5)


def test_only_the_last_weeks_count() -> None:
    recent = [10.0, 12.0] * (MOST_DAYS // 2)
    assert forecast_sum([1e9] * 14 + recent, [1.0] * 3, 0) == forecast_sum(recent, [1.0] * 3, 0)


def test_factors_of_weekdays_have_mean_one_and_need_three_weeks() -> None:
    week = np.array([2.0, 2, 2, 2, 2, 1, 1])
    assert weekday_factors(np.tile(week, 2), 0) == pytest.approx(np.ones(7))
    factors = weekday_factors(np.tile(np.roll(week, -2), 4), 2)
    assert factors == pytest.approx(week / week.mean())
