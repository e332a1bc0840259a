from __future__ import annotations

import pytest

from entrepot.catalog.deployment import build_deployment
from entrepot.catalog.schema import Deployment
from entrepot.settings.reference import choose_reference, usd_per_token
from tests.settings.small_catalog import RATES, SMALL


def at(provider: str, *models: str) -> list[Deployment]:
    """Deployments of the small catalog."""
    return [build_deployment(SMALL, provider, model) for model in models]


def test_the_best_published_score_wins_whatever_it_costs() -> None:
    chosen = choose_reference(
        [*at("openai", "gpt-small", "gpt-middle"), *at("deepseek", "deepseek-flash")], SMALL, RATES
    )
    assert chosen.deployment.model == "gpt-middle"
    assert chosen.reason == "the best published score on mmlu-pro (88.0%)"


def test_a_score_that_few_candidates_have_decides_nothing() -> None:
    unscored = at("ollama", "local-a", "local-b", "local-c")
    chosen = choose_reference([*unscored, *at("openai", "gpt-small")], SMALL, RATES)
    assert chosen.deployment.model == "gpt-small"
    assert chosen.reason.startswith("the dearest known price")


def test_with_neither_scores_nor_prices_the_first_is_taken_and_it_is_said() -> None:
    chosen = choose_reference(at("ollama", "local-a", "local-b"), SMALL, RATES)
    assert (chosen.deployment.model, chosen.reason[:19]) == ("local-a", "the first candidate")


def test_the_choice_does_not_depend_on_the_order_of_the_candidates() -> None:
    candidates = at("openai", "gpt-large", "gpt-middle", "gpt-other", "gpt-small")
    assert choose_reference(candidates[::-1], SMALL, RATES) == choose_reference(candidates, SMALL, RATES)


def test_a_price_in_yuan_is_compared_in_dollars() -> None:
    (flash,) = at("deepseek", "deepseek-flash")
    assert usd_per_token(flash, RATES) == pytest.approx((0.75 * 2 + 0.25 * 8) * 0.14 / 1e6)
