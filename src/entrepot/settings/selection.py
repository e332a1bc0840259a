"""Which of a hosted provider's models to start with, when all that is known is that there is a key for it.

Rule: of the chat models that have a price, are not free and are not announced to retire, those that nothing supersedes. A
model is superseded by a newer one of the same maker that is no dearer and not known to score lower; the catalog lists
newer ones first. Of these, three: the cheapest, the one with the best published score (without scores: the dearest), and
the one whose price is nearest to halfway between on a logarithmic scale. More would make a first start hard to read;
fewer would leave nothing to route between. `entrepot.toml` names any others.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from entrepot.catalog.deployment import build_deployment
from entrepot.catalog.lookup import Catalog
from entrepot.catalog.pricing import ExchangeRates
from entrepot.catalog.schema import Deployment, Model, Provider
from entrepot.errors import CatalogError
from entrepot.settings.reference import choose_reference, usd_per_token

NOT_FOR_CHAT = ("embed", "bge-", "rerank", "whisper", "tts", "-asr", "image", "moderation", "omni")

EMBEDDERS = ("embed", "bge-")


class _Priced(NamedTuple):
    usd_per_token: float
    deployment: Deployment
    model: Model


def choose_offers(provider: Provider, catalog: Catalog, rates: ExchangeRates) -> tuple[Deployment, ...]:
    """At most three deployments of `provider`, cheapest first; none if no price is known."""
    kept: list[_Priced] = []
    for priced in _priced(provider, catalog, rates):
        if not any(_supersedes(newer, priced) for newer in kept):
            kept.append(priced)
    kept.sort(key=lambda one: one.usd_per_token)  # stable: of two at one price the newer stays first
    return _three(kept, catalog, rates)


def chats(name: str) -> bool:
    """Whether a model of this name answers a chat, as far as names tell; servers list all that they hold."""
    return not any(part in name.casefold() for part in NOT_FOR_CHAT)


def makes_embeddings(name: str) -> bool:
    """Whether a model of this name makes embeddings, as far as names tell."""
    folded = name.casefold()
    return any(part in folded for part in EMBEDDERS) and "rerank" not in folded


def _priced(provider: Provider, catalog: Catalog, rates: ExchangeRates) -> list[_Priced]:
    found = []
    for name in dict.fromkeys(offer.model for offer in provider.offers):
        model = catalog.find_model(name)
        if model is None or model.retires_on is not None or not chats(name) or _embeds(model):
            continue
        try:
            deployment = build_deployment(catalog, provider.id, model.id)
        except CatalogError:  # an address for each customer: it takes a file to use the provider
            return []
        price = usd_per_token(deployment, rates)
        if price:  # a free tier has limits and terms of its own, which nobody has agreed to by setting a key
            found.append(_Priced(price, deployment, model))
    return found


def _embeds(model: Model) -> bool:
    return "embeddings" in (model.capabilities or ())


def _supersedes(newer: _Priced, older: _Priced) -> bool:
    if newer.model.maker != older.model.maker or newer.usd_per_token > older.usd_per_token:
        return False
    scores = {score.benchmark: score.score for score in newer.model.scores}
    return all(scores.get(score.benchmark, score.score) >= score.score for score in older.model.scores)


def _three(kept: Sequence[_Priced], catalog: Catalog, rates: ExchangeRates) -> tuple[Deployment, ...]:
    if len(kept) <= 3:
        return tuple(one.deployment for one in kept)
    cheapest = kept[0]
    best = choose_reference([one.deployment for one in kept], catalog, rates).deployment
    frontier = next(one for one in kept if one.deployment.id == best.id)
    halfway = (_log(cheapest) + _log(frontier)) / 2
    between = [one for one in kept if one is not cheapest and one is not frontier]
    middle = min(between, key=lambda one: abs(_log(one) - halfway))
    return tuple(one.deployment for one in kept if one in (cheapest, middle, frontier))


def _log(priced: _Priced) -> float:
    return math.log(priced.usd_per_token)
