from __future__ import annotations

import math

import numpy as np
import pytest

from entrepot.statistics.calibration import expected_calibration_error, reliability


def test_bins_hold_equally_many_predictions_from_low_to_high() -> None:
    low, high = reliability([0.9, 0.1, 0.2, 0.8], [1, 0, 1, 1], bins=2)
    assert low == pytest.approx((0.15, 0.5, 2))
    assert high == pytest.approx((0.85, 1.0, 2))


def test_the_error_is_the_weighted_distance() -> None:
    assert expected_calibration_error([0.9, 0.1, 0.2, 0.8], [1, 0, 1, 1], bins=2) == pytest.approx(
        (2 * 0.35 + 2 * 0.15) / 4
    )


def test_a_perfect_predictor_scores_about_what_chance_alone_gives() -> None:
    chance = np.random.default_rng(1)
    p = chance.uniform(0.2, 0.8, 60_000)
    error = expected_calibration_error(p, chance.random(60_000) < p)
    expected = math.sqrt(2 * 0.22 * 15 / (math.pi * 60_000))
    assert expected / 3 < error < 2 * expected


def test_overconfidence_is_measured() -> None:
    chance = np.random.default_rng(2)
    observed = chance.random(60_000) < 0.7
    assert expected_calibration_error(np.full(60_000, 0.9), observed) == pytest.approx(0.2, abs=0.01)


def test_graded_outcomes_count_as_they_are() -> None:
    assert expected_calibration_error([0.5, 0.5], [0.25, 0.75], bins=1) == 0.0


def test_nothing_predicted_has_no_error() -> None:
    assert math.isnan(expected_calibration_error([], []))


@pytest.mark.parametrize(("p", "y", "bins"), [([0.5], [1, 0], 15), ([1.5], [1], 15), ([0.5], [2], 15), ([0.5], [1], 0)])
def test_what_is_no_probability_is_refused(p: list[float], y: list[float], bins: int) -> None:
    with pytest.raises(ValueError, match=r".+"):
        reliability(p, y, bins)
