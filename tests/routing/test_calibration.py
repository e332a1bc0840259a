from __future__ import annotations

import msgspec
import numpy as np
import pytest

from entrepot.routing.calibration import Members, calibrated, cross_fit, fit_calibration, fit_members
from entrepot.routing.checks import made_up_outcomes
from entrepot.routing.design import Design, build_design
from entrepot.routing.logistic import Doubles, bent


@pytest.fixture(scope="module")
def design() -> Design:
    return build_design(made_up_outcomes(120), 30, 0)[1]


@pytest.fixture(scope="module")
def members(design: Design) -> Members:
    return fit_members(design, "ensemble")


def silent(_doing: str) -> None:
    """Nobody is told."""


def test_a_prompt_is_predicted_by_a_fit_that_had_not_seen_it(design: Design) -> None:
    """Prompts answered rightly at random cannot be predicted by a fit that did not see them."""
    chance = np.random.default_rng(0)
    correct = (chance.random(design.correct.shape) < 0.5).astype(np.float64)
    random = msgspec.structs.replace(design, correct=correct, weight=np.ones_like(correct))
    crossed = cross_fit(random, "ensemble", 5, 0, silent)
    inside = fit_members(random, "ensemble").logits(random.latent)

    def flattery(logits: Doubles) -> float:
        return float(logits[correct == 1].mean() - logits[correct == 0].mean())

    assert flattery(inside) > 0
    assert flattery(crossed.logits) < flattery(inside) / 2


def test_calibration_brings_the_mean_prediction_to_the_mean_outcome(design: Design, members: Members) -> None:
    crossed = cross_fit(design, "ensemble", 5, 0, silent)
    biased = msgspec.structs.replace(crossed, logits=crossed.logits + 2)
    found = fit_calibration(design, members, biased)
    known = design.weight > 0
    assert calibrated(found, biased.logits, biased.ease, biased.near)[known].mean() == pytest.approx(
        design.correct[known].mean(), abs=0.05
    )


def test_expected_lengths_sum_to_actual_lengths(design: Design, members: Members) -> None:
    crossed = cross_fit(design, "ensemble", 5, 0, silent)
    factors = fit_calibration(design, members, crossed).length_factors
    known = ~np.isnan(design.output_tokens[:, 0])
    expected = np.exp(crossed.output_logs[known, 0]) * factors[0]
    assert expected.sum() == pytest.approx(design.output_tokens[known, 0].sum(), rel=1e-3)


def test_ease_may_count_more_where_prompts_are_easier() -> None:
    found = bent(np.array([-1.0, 0.5, 2.0]), np.array([0.0, 1.0]))
    assert found.tolist() == [[-1.0, 0.0, 0.0], [0.5, 0.5, 0.0], [2.0, 2.0, 1.0]]
