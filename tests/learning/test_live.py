"""The gateway's own rule, replayed against recorded answers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from entrepot.learning.live import Replayed
from entrepot.learning.outcomes import read_dataset, read_prices
from entrepot.learning.pool import Pool, build_pool
from entrepot.learning.strategies import Predicted
from entrepot.routing.votes import SHIPPED_VOTES

MODELS = ("gpt-4o-2024-08-06", "gpt-4o-mini-2024-07-18", "llama-3.1-70b", "qwen2-72b-instruct", "deepseek-v2.5-0908")
MAKERS = ("openai", "openai", "meta", "alibaba", "deepseek")
LARGE = 0


@pytest.fixture(scope="module")
def pool(outcomes_dir: Path) -> Pool:
    found = read_dataset([outcomes_dir / "zeroeval_outcomes.parquet"], [outcomes_dir / "zeroeval_prompts.parquet"])
    return build_pool(found.only(np.arange(0, 1600, 12)).answered(), MODELS, read_prices(outcomes_dir / "prices.csv"))


@pytest.fixture(scope="module")
def replayed(pool: Pool) -> Replayed:
    """Without a router: each model is taken to be right as often as it is on the whole."""
    count = len(pool.prompts)
    predicted = Predicted(
        np.tile(pool.quality.mean(axis=0), (count, 1)), np.tile(pool.output_tokens.mean(axis=0), (count, 1))
    )
    return Replayed(pool, predicted, ["number"] * count, MAKERS, SHIPPED_VOTES, LARGE)


def test_asking_several_is_as_good_as_the_reference_for_less(replayed: Replayed) -> None:
    pool = replayed.pool
    played = replayed.within(0.0)
    rows = np.arange(len(pool.prompts))
    assert pool.quality[rows, played.accepted].mean() >= pool.quality[:, LARGE].mean() - 0.03
    assert played.cost_usd.mean() < 0.7 * pool.cost_usd[:, LARGE].mean()
    said, was = played.p_correct.mean(), pool.quality[rows, played.accepted].mean()
    assert said == pytest.approx(was, abs=0.08)


def test_all_calls_are_billed_and_nobody_is_asked_twice(replayed: Replayed) -> None:
    played = replayed.at_worth(0.05)
    for row, order in enumerate(played.asked.tolist()):
        asked = [model for model in order if model >= 0]
        assert len(set(asked)) == len(asked) <= 4
        assert played.accepted[row] in asked
        assert played.cost_usd[row] == pytest.approx(replayed.pool.cost_usd[row, asked].sum())


def test_the_more_a_right_answer_is_worth_the_more_is_spent(replayed: Replayed) -> None:
    spent = [replayed.at_worth(worth).cost_usd.mean() for worth in (0.0001, 0.1)]
    assert spent[0] < spent[1]
