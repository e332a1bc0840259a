from __future__ import annotations

import numpy as np
import pytest

from entrepot.routing.logistic import fit_logistic, fit_towards, logit, sigmoid


def test_sigmoid_and_logit_are_inverse_and_never_overflow() -> None:
    assert sigmoid(logit(np.array([0.1, 0.5, 0.9]))) == pytest.approx([0.1, 0.5, 0.9])
    assert np.isfinite(sigmoid(np.array([-1e9, 1e9]))).all()
    assert np.isfinite(logit(np.array([0.0, 1.0]))).all()


def test_recovers_the_coefficients_that_made_the_outcomes() -> None:
    chance = np.random.default_rng(1)
    design = np.column_stack([chance.standard_normal((20_000, 2)), np.ones(20_000)])
    outcomes = (chance.random(20_000) < sigmoid(design @ [1.0, -2.0, 0.5])).astype(np.float64)
    assert fit_logistic(design, outcomes, np.ones(20_000), ridge=1e-6) == pytest.approx([1.0, -2.0, 0.5], abs=0.1)


def test_a_ridge_shrinks_everything_but_the_constant() -> None:
    design = np.column_stack([np.array([0.0, 1.0] * 50), np.ones(100)])
    outcomes = np.array([1.0, 1.0, 1.0, 0.0] * 25)
    slope, constant = fit_logistic(design, outcomes, np.ones(100), ridge=1e6)
    assert slope == pytest.approx(0, abs=1e-3)
    assert sigmoid(np.array(constant)) == pytest.approx(0.75, abs=0.01)


def test_a_weight_of_zero_is_as_good_as_absent() -> None:
    design = np.column_stack([np.array([0.0, 1.0, 2.0, 3.0]), np.ones(4)])
    outcomes = np.array([0.0, 1.0, 1.0, 0.0])
    whole = fit_logistic(design, outcomes, np.array([1.0, 1.0, 1.0, 0.0]), ridge=1.0)
    part = fit_logistic(design[:3], outcomes[:3], np.ones(3), ridge=1.0)
    assert whole == pytest.approx(part, abs=1e-6)


def test_a_line_without_data_stays_where_it_is_drawn() -> None:
    towards = np.array([1.3, -0.2])
    assert fit_towards(np.zeros((0, 2)), np.zeros(0), towards, 10.0) == pytest.approx(towards)


def test_a_line_corrects_logits_that_are_twice_too_sure() -> None:
    chance = np.random.default_rng(3)
    true = chance.standard_normal(50_000)
    outcomes = (chance.random(50_000) < sigmoid(true)).astype(np.float64)
    design = np.column_stack([2 * true, np.ones(len(true))])
    slope, shift = fit_towards(design, outcomes, np.array([1.0, 0.0]), 1.0)
    assert slope == pytest.approx(0.5, abs=0.03)
    assert shift == pytest.approx(0, abs=0.05)


def test_a_small_regression_stays_near_what_it_is_drawn_to_where_columns_say_the_same() -> None:
    chance = np.random.default_rng(0)
    truth = np.where(chance.random(120) < 0.5, 4.0, -4.0)
    design = np.column_stack([truth, truth + chance.normal(0, 0.1, 120), np.maximum(truth, 0), np.ones(120)])
    found = fit_towards(design, (truth > 0).astype(np.float64), np.array([1.0, 0.0, 0.0, 0.0]), 1.0)
    assert np.abs(found).max() < 3
