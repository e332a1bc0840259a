"""Which of a hosted provider's models to start with, when all that is known is that there is a key for it.

Rule: of the models with a known price that are not announced to retire, three: the cheapest, the one with the best published
score (without scores: the dearest), and the one whose price is nearest to halfway between them on a logarithmic scale. More
would make a first start hard to read; fewer would leave nothing to route between. `entrepot.toml` names any others.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from entrepot.catalog.deployment import build_deployment
from entrepot.catalog.lookup import Catalog
from entrepot.catalog.pricing import ExchangeRates
from entrepot.catalog.schema import Deployment, Model, Provider
from entrepot.errors import CatalogError
from entrepot.settings.reference import choose_reference, usd_per_token

NOT_FOR_CHAT = ("embed", "bge-", "rerank", "whisper", "tts", "-asr", "image", "moderation")


def choose_offers(provider: Provider, catalog: Catalog, rates: ExchangeRates) -> tuple[Deployment, ...]:
    """At most three deployments of `provider`, cheapest first; none if no price is known."""
    priced: list[tuple[float, Deployment]] = []
    for offer in provider.offers:
        model = catalog.find_model(offer.model)
        if offer.price is None or model is None or retires(model) or not chats(offer.model):
            continue
        try:
            deployment = build_deployment(catalog, provider.id, model.id)
        except CatalogError:  # not at the provider's first address: it takes a region, and so a file, to use it
            continue
        price = usd_per_token(deployment, rates)
        if price is not None:
            priced.append((price, deployment))
    priced.sort(key=lambda pair: (pair[0], pair[1].id))
    return _three(priced, catalog, rates)


def retires(model: Model) -> bool:
    """Whether the model's end is announced, past or to come: nothing new should start with it."""
    return model.retires_on is not None


def chats(name: str) -> bool:
    """Whether a model of this name answers a chat, as far as names tell; servers list all that they hold."""
    return not any(part in name.casefold() for part in NOT_FOR_CHAT)


def _three(
    priced: Sequence[tuple[float, Deployment]], catalog: Catalog, rates: ExchangeRates
) -> tuple[Deployment, ...]:
    if len(priced) <= 3:
        return tuple(deployment for _, deployment in priced)
    cheapest_price, cheapest = priced[0]
    frontier = choose_reference([deployment for _, deployment in priced], catalog, rates).deployment
    frontier_price = next(price for price, deployment in priced if deployment.id == frontier.id)
    halfway = (_log(cheapest_price) + _log(frontier_price)) / 2
    between = [pair for pair in priced if pair[1].id not in (cheapest.id, frontier.id)]
    middle = min(between, key=lambda pair: (abs(_log(pair[0]) - halfway), pair[1].id))
    chosen = {deployment.id for deployment in (cheapest, frontier, middle[1])}
    return tuple(deployment for _, deployment in priced if deployment.id in chosen)


def _log(price: float) -> float:
    return math.log(max(price, 1e-12))
