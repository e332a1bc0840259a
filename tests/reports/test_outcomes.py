from __future__ import annotations

import math

import msgspec
import numpy as np
import pytest

from entrepot.ledger.store import Judged
from entrepot.reports.outcomes import Tally, best_source, difference, standardised, tallies, total
from entrepot.statistics.intervals import proportion_interval


def judged(count: int, right: float, **facts: object) -> Judged:
    made = Judged("auto", "a/m", "m", "CN", "zh", "easy", 9, "check", count, right, right, count, 0.9 * count, right)
    return msgspec.structs.replace(made, **facts)


def test_right_or_wrong_has_wilsons_interval_and_grades_have_students() -> None:
    assert Tally(10, 7.0, 7.0).interval() == proportion_interval(7, 10)
    graded = Tally(4, 2.0, 1.25).interval()
    assert graded.estimate == 0.5
    assert 0 <= graded.low < 0.5 < graded.high <= 1
    assert Tally().interval() == pytest.approx((math.nan, 0.0, 1.0), nan_ok=True)


def test_a_few_equal_outcomes_are_not_certain() -> None:
    assert difference(Tally(3, 3.0, 3.0), Tally(3, 3.0, 3.0)).low < -0.2
    assert math.isnan(difference(Tally(), Tally(3, 3.0, 3.0)).estimate)


@pytest.mark.parametrize(("n", "m", "p", "q"), [(40, 200, 0.9, 0.85), (100, 100, 0.97, 0.95), (300, 50, 0.6, 0.7)])
def test_a_difference_covers_the_truth(n: int, m: int, p: float, q: float) -> None:
    chance = np.random.default_rng(5)
    covered, runs = 0, 600
    for _ in range(runs):
        first, second = float(chance.binomial(n, p)), float(chance.binomial(m, q))
        found = difference(Tally(n, first, first), Tally(m, second, second))
        covered += found.low <= p - q <= found.high
    assert 0.92 <= covered / runs <= 0.985


def test_a_level_mean_covers_the_truth_and_undoes_who_was_asked_what() -> None:
    chance = np.random.default_rng(6)
    rates, asked, weights = {"easy": 0.95, "hard": 0.5}, {"easy": 180, "hard": 60}, {"easy": 0.4, "hard": 0.6}
    truth = sum(weights[band] * rates[band] for band in rates)
    covered, runs = 0, 600
    for _ in range(runs):
        right = {band: float(chance.binomial(asked[band], rates[band])) for band in rates}
        found = standardised({band: Tally(asked[band], right[band], right[band]) for band in rates}, weights)
        covered += found.low <= truth <= found.high
    assert 0.92 <= covered / runs <= 0.98


def test_what_was_never_asked_may_be_anything() -> None:
    found = standardised({"easy": Tally(1000, 900.0, 900.0)}, {"easy": 3.0, "hard": 1.0})
    assert found.low == pytest.approx(0.75 * 0.9, abs=0.02)
    assert found.high == pytest.approx(0.75 * 0.9 + 0.25, abs=0.02)
    assert found.estimate == pytest.approx(0.9)
    assert math.isnan(standardised({}, {"easy": 1.0}).estimate)
    assert (standardised({}, {}).low, standardised({}, {}).high) == (0.0, 1.0)


def test_the_source_that_is_believed_most_is_taken_where_it_said_enough() -> None:
    users, checks = judged(5, 4, source="user"), judged(100, 90)
    assert best_source([users, checks], 30) == "check"
    assert best_source([msgspec.structs.replace(users, count=30), checks], 30) == "user"
    assert best_source([users], 30) == "user"
    assert best_source([], 30) is None


def test_outcomes_are_added_up_by_what_they_have_in_common() -> None:
    parts = [judged(2, 1), judged(3, 3, difficulty="hard"), judged(1, 0)]
    assert tallies(parts, lambda one: one.difficulty) == {"easy": Tally(3, 1, 1), "hard": Tally(3, 3, 3)}
    assert total(parts) == Tally(6, 4, 4)
