from __future__ import annotations

import numpy as np
import pytest

from entrepot.errors import DataError
from entrepot.learning.outcomes import ListPrice
from entrepot.learning.pool import build_pool
from entrepot.routing.checks import STRONG, WEAK
from tests.learning.test_evaluate import MODELS, PRICES, THIRD, made_up


def test_a_call_costs_its_tokens_at_the_list_price() -> None:
    dataset = made_up(30, 1)
    pool = build_pool(dataset, (WEAK, STRONG), PRICES)
    row = 7
    given = pool.prompts[row].input_tokens
    expected = (given * 10 + pool.output_tokens[row, 1] * 30) / 1e6
    assert pool.cost_usd[row, 1] == pytest.approx(expected)
    assert pool.expected_usd(pool.output_tokens) == pytest.approx(pool.cost_usd)


def test_a_prompt_that_one_model_did_not_answer_is_left_out() -> None:
    dataset = made_up(30, 1)
    third = np.flatnonzero(dataset.outcomes.model == MODELS.index(THIRD))
    pool = build_pool(dataset.without(third[:4]), MODELS, PRICES)
    assert len(pool.prompts) == 26
    assert len(build_pool(dataset.without(third[:4]), (STRONG, WEAK), PRICES).prompts) == 30


def test_equal_answers_have_equal_numbers() -> None:
    pool = build_pool(made_up(40, 2), MODELS, PRICES)
    both_right = (pool.quality > 0.5).all(axis=1)
    assert (pool.answers[both_right] == pool.answers[both_right][:, :1]).all()


def test_the_best_is_who_is_right_most_often() -> None:
    assert build_pool(made_up(200, 3), (WEAK, STRONG), PRICES).best == 1


def test_a_model_without_a_price_or_outcomes_is_refused_by_name() -> None:
    dataset = made_up(10, 1)
    with pytest.raises(DataError, match=r"'unpriced' has no price"):
        build_pool(dataset, ("unpriced",), PRICES)
    with pytest.raises(DataError, match=r"'silent' has no outcomes"):
        build_pool(dataset, ("silent",), {**PRICES, "silent": ListPrice("1", "1")})


def test_no_prompt_in_common_is_refused() -> None:
    dataset = made_up(10, 1)
    strong = dataset.outcomes.model == MODELS.index(STRONG)
    weak = dataset.outcomes.model == MODELS.index(WEAK)
    early = dataset.outcomes.prompt < 5
    apart = dataset.without(np.flatnonzero((strong & early) | (weak & ~early)))
    with pytest.raises(DataError, match="no prompt was answered by all of"):
        build_pool(apart, (STRONG, WEAK), PRICES)
