from __future__ import annotations

import numpy as np
import pytest

from entrepot.learning.pool import Pool, build_pool
from entrepot.learning.strategies import WORTHS, Predicted, agreement, before_call, fixed, mixed
from entrepot.routing.checks import STRONG
from tests.learning.test_evaluate import MODELS, PRICES, made_up


@pytest.fixture(scope="module")
def pool() -> Pool:
    return build_pool(made_up(120, 3), MODELS, PRICES)


def knowing(pool: Pool) -> Predicted:
    """Estimates that know what was right and how long it was."""
    return Predicted(0.02 + 0.96 * pool.quality, pool.output_tokens)


def test_the_more_a_right_answer_is_worth_the_more_is_spent_and_the_more_is_right(pool: Pool) -> None:
    strategy = before_call("one", pool, pool, knowing(pool), knowing(pool))
    rows = np.arange(len(pool.prompts))
    spent = [one.cost_usd.mean() for one in strategy.tested]
    right = [pool.quality[rows, one.accepted].mean() for one in strategy.tested]
    assert len(spent) == len(WORTHS)
    assert (np.diff(spent) >= -1e-12).all()
    assert (np.diff(right) >= -1e-12).all()
    assert right[-1] == pytest.approx(pool.quality.max(axis=1).mean())


def test_one_call_is_one_model_asked_and_billed(pool: Pool) -> None:
    strategy = before_call("one", pool, pool, knowing(pool), knowing(pool))
    for played in strategy.tested[::16]:
        assert played.asked.shape == (len(pool.prompts), 1)
        assert (played.asked[:, 0] == played.accepted).all()
        assert played.cost_usd == pytest.approx(pool.cost_usd[np.arange(len(pool.prompts)), played.accepted])


def test_choices_that_are_given_have_no_knob_and_no_probability(pool: Pool) -> None:
    always = np.full(len(pool.prompts), MODELS.index(STRONG))
    strategy = fixed("fixed", pool, pool, always, always)
    assert len(strategy.knobs) == 1
    assert np.isnan(strategy.knobs[0])
    assert (strategy.tested[0].accepted == MODELS.index(STRONG)).all()
    assert np.isnan(strategy.tested[0].p_correct).all()


def test_a_committee_is_told_by_the_pools_numbers_and_bills_every_call(pool: Pool) -> None:
    strategy = agreement(pool, pool, knowing(pool), knowing(pool), 0)
    assert not strategy.before_call
    for played in strategy.tested[::8]:
        for row in range(0, len(pool.prompts), 10):
            asked = [model for model in played.asked[row].tolist() if model >= 0]
            assert played.accepted[row] in asked
            assert played.cost_usd[row] == pytest.approx(pool.cost_usd[row, asked].sum())


def test_a_mixture_takes_each_prompt_from_its_knob(pool: Pool) -> None:
    strategy = before_call("one", pool, pool, knowing(pool), knowing(pool))
    knob = np.where(np.arange(len(pool.prompts)) % 2 == 0, 0, len(WORTHS) - 1)
    played = mixed(strategy.tested, knob)
    assert (played.accepted[::2] == strategy.tested[0].accepted[::2]).all()
    assert (played.accepted[1::2] == strategy.tested[-1].accepted[1::2]).all()
