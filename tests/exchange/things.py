"""Made-up deployments, prices and rates for tests of pure code."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from entrepot.catalog.price import Price
from entrepot.catalog.pricing import ExchangeRates
from entrepot.catalog.schema import Deployment


def a_price(input_per_mtok: str = "1", output_per_mtok: str = "2", **more: Any) -> Price:
    return Price(
        input_per_mtok=Decimal(input_per_mtok),
        output_per_mtok=Decimal(output_per_mtok),
        source="a page",
        as_of="2026-11-01",
        **more,
    )


def an_exchange_rate() -> ExchangeRates:
    return ExchangeRates(usd_per_cny=Decimal("0.15"), as_of="2026-11-01", source="a page")


def a_deployment(id_: str = "host/model", **changes: Any) -> Deployment:
    provider, _, model = id_.partition("/")
    facts: dict[str, Any] = {
        "id": id_,
        "model": model or id_,
        "maker": "maker",
        "maker_country": "CN",
        "provider": provider,
        "provider_country": "SG",
        "region": "EU",
        "base_url": f"https://{provider}.example/v1",
        "dialect": "openai-chat",
        "upstream_name": model or id_,
        "price": a_price(),
        "open_weights": True,
    }
    return Deployment(**{**facts, **changes})
