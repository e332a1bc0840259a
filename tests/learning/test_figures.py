from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from entrepot.learning.figures import area_under_curve, expected_calibration_error


def test_the_area_is_the_chance_that_right_outranks_wrong() -> None:
    correct = np.array([0.0, 0.0, 1.0, 1.0])
    assert area_under_curve(correct, np.array([0.1, 0.4, 0.35, 0.8])) == pytest.approx(0.75)


def test_ties_count_half() -> None:
    assert area_under_curve(np.array([0.0, 1.0, 1.0]), np.full(3, 0.5)) == pytest.approx(0.5)


def test_without_a_right_or_a_wrong_answer_there_is_no_area() -> None:
    assert np.isnan(area_under_curve(np.ones(3), np.array([0.1, 0.2, 0.3])))


@given(st.lists(st.tuples(st.booleans(), st.floats(0, 1)), min_size=2, max_size=40))
def test_the_area_of_the_reverse_ranking_is_the_complement(rows: list[tuple[bool, float]]) -> None:
    correct = np.array([float(right) for right, _ in rows])
    predicted = np.array([p for _, p in rows])
    forth, back = area_under_curve(correct, predicted), area_under_curve(correct, -predicted)
    assert np.isnan(forth) or forth + back == pytest.approx(1)


def test_a_calibrated_prediction_has_no_error_and_a_shifted_one_has_the_shift() -> None:
    correct = np.array([0.0, 1.0] * 50 + [1.0] * 100)
    predicted = np.array([0.5] * 100 + [1.0] * 100)
    assert expected_calibration_error(correct, predicted, bins=2) == pytest.approx(0)
    assert expected_calibration_error(correct, predicted - 0.2, bins=2) == pytest.approx(0.2)
