from __future__ import annotations

import dataclasses

import msgspec
import pytest

from entrepot.catalog.load import load_catalog
from entrepot.catalog.schema import Offer, Provider
from entrepot.settings.selection import chats, choose_offers
from tests.settings.small_catalog import DEEPSEEK, OPENAI, RATES, SMALL, VLLM, model, price


def choose(provider: Provider) -> list[str]:
    """The models chosen, cheapest first."""
    catalog = dataclasses.replace(SMALL, providers=(provider,))
    return [one.model for one in choose_offers(provider, catalog, RATES)]


def offering(*offers: Offer) -> Provider:
    """OpenAI with other offers."""
    return msgspec.structs.replace(OPENAI, offers=offers)


def test_three_are_chosen_the_cheapest_the_best_and_one_between() -> None:
    assert choose(OPENAI) == ["gpt-small", "gpt-other", "gpt-large"]


def test_what_retires_has_no_price_or_is_free_is_left_out() -> None:
    free = offering(Offer(model="gpt-small", upstream_name="x", price=price("0", "0")), *OPENAI.offers[4:])
    assert choose(free) == []


def test_an_older_model_that_is_dearer_and_no_better_is_superseded() -> None:
    offers = (
        Offer(model="gpt-large", upstream_name="x", price=price("1", "5")),
        Offer(model="gpt-middle", upstream_name="x", price=price("1", "5")),
    )
    assert choose(offering(*offers)) == ["gpt-large"]


def test_an_older_model_that_scores_higher_is_not_superseded() -> None:
    offers = (
        Offer(model="gpt-middle", upstream_name="x", price=price("1", "5")),
        Offer(model="gpt-large", upstream_name="x", price=price("2", "9")),
    )
    assert choose(offering(*offers)) == ["gpt-middle", "gpt-large"]


def test_few_are_all_taken_and_none_is_none() -> None:
    assert choose(DEEPSEEK) == ["deepseek-flash"]
    assert choose(VLLM) == []


@pytest.mark.parametrize("name", ["nomic-embed-text", "bge-m3", "Qwen3-Reranker-8B", "whisper-large-v3"])
def test_models_that_do_not_chat_are_known_by_their_names(name: str) -> None:
    assert not chats(name)
    assert chats(model("qwen3-8b", "alibaba").id)


def test_every_provider_of_the_shipped_catalog_gives_at_most_three_that_exist() -> None:
    catalog = load_catalog()
    chosen = {one.id: choose_offers(one, catalog, catalog.exchange_rates) for one in catalog.providers}
    assert max(len(deployments) for deployments in chosen.values()) == 3
    assert {"openai", "anthropic", "deepseek", "alibaba"} <= {id for id, deployments in chosen.items() if deployments}
