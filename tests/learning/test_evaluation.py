from __future__ import annotations

import numpy as np
import pytest

from entrepot.learning.evaluation import budget_knob, calibration_errors, grade, oracle, target_knob
from entrepot.learning.pool import Pool, build_pool
from entrepot.learning.strategies import Predicted, Strategy, before_call, fixed, mixed
from entrepot.routing.checks import STRONG
from tests.learning.test_evaluate import MODELS, PRICES, made_up

REFERENCE = MODELS.index(STRONG)


@pytest.fixture(scope="module")
def pool() -> Pool:
    return build_pool(made_up(200, 7), MODELS, PRICES)


@pytest.fixture(scope="module")
def knowing(pool: Pool) -> Strategy:
    """One call by estimates that know what was right."""
    predicted = Predicted(0.02 + 0.96 * pool.quality, pool.output_tokens)
    return before_call("knowing", pool, pool, predicted, predicted)


def test_the_oracle_is_right_where_anyone_is_and_takes_the_cheapest_of_those(pool: Pool) -> None:
    found = oracle(pool)
    assert found.quality == pytest.approx(pool.quality.max(axis=1).mean())
    cheapest = np.where(pool.quality > 0.5, pool.cost_usd, np.inf).min(axis=1)
    none = np.isinf(cheapest)
    assert found.cost_usd_per_1k == pytest.approx(1000 * np.where(none, pool.cost_usd.min(axis=1), cheapest).mean())


def test_who_knows_everything_closes_the_whole_gap(pool: Pool, knowing: Strategy) -> None:
    figures = grade(knowing, pool, pool, REFERENCE, 0)
    assert figures.oracle_gap_closed == pytest.approx(1)
    assert figures.frozen["1.00"].quality >= 1 - 1e-9
    assert figures.frozen["0.90"].cost_ratio <= figures.frozen["1.00"].cost_ratio < 1


def test_the_reference_itself_is_the_measure(pool: Pool) -> None:
    always = np.full(len(pool.prompts), REFERENCE)
    figures = grade(fixed("fixed", pool, pool, always, always), pool, pool, REFERENCE, 0)
    assert figures.oracle_gap_closed == pytest.approx(0)
    assert figures.frozen["0.95"].quality == pytest.approx(1)
    assert figures.frozen["0.95"].cost_ratio == pytest.approx(1)
    assert figures.ece is None
    assert figures.shares == {STRONG: 1.0}


def test_knobs_keep_to_their_target_and_budget_where_they_were_chosen(pool: Pool, knowing: Strategy) -> None:
    rows = np.arange(len(pool.prompts))
    for target in (0.9, 0.95, 1.0):
        knob = target_knob(knowing, pool, REFERENCE, target)
        qualities = [pool.quality[rows, knowing.learned[i].accepted].mean() for i in (knob.low, knob.high)]
        assert max(qualities) >= target * pool.quality[:, REFERENCE].mean() - 0.02
    spent = mixed(knowing.learned, budget_knob(knowing, pool, REFERENCE).by_prompt(pool.prompt_ids)).cost_usd
    assert spent.mean() <= 1.05 * pool.cost_usd[:, REFERENCE].mean()


def test_who_says_what_is_so_has_no_calibration_error(pool: Pool) -> None:
    found = calibration_errors(pool, {"right": pool.quality, "flat": np.full(pool.quality.shape, 0.5)})
    assert found["right"] == pytest.approx(0)
    assert found["flat"] == pytest.approx(abs(pool.quality.mean() - 0.5), abs=0.1)
