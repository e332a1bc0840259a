"""Compile the price sheet genai-prices into `src/entrepot/catalog/listprices.json`, in the catalog's own shapes.

Run with `make prices`. A gateway reads the file alone and never the library. Only names that the sheet gives exactly are
taken: its patterns let one name stand for another, which is not good enough to bill by. Of a sheet's conditions only dates
are taken: its hours know no weekdays. A price that one of ours cannot say (per picture, per page, per search alone) is left out.
"""

from __future__ import annotations

import argparse
import datetime
import json
from collections.abc import Iterator
from decimal import Decimal
from importlib.metadata import version
from pathlib import Path
from typing import Any

from genai_prices import data
from genai_prices.types import (
    ClauseEquals,
    ClauseOr,
    ConditionalPrice,
    MatchLogic,
    ModelInfo,
    ModelPrice,
    StartDateConstraint,
    TieredPrices,
)

TARGET = Path(__file__).parent.parent / "src/entrepot/catalog/listprices.json"

SHEETS = {
    "anthropic": "anthropic",
    "cerebras": "cerebras",
    "fireworks": "fireworks",
    "google-gemini": "google",
    "groq": "groq",
    "minimax": "minimax",
    "mistral": "mistral",
    "moonshot": "moonshotai",
    "openai": "openai",
    "openrouter": "openrouter",
    "together": "together",
    "xai": "x-ai",
    "zai": "zai",
}
"""Our provider -> the sheet's. DeepSeek's is not among them, because it takes weekends for working days; nor Zhipu's, whose
prices are converted there from yuan that are on the bill; nor Vertex AI's, Bedrock's and Azure's, which differ by region."""

KINDS = {
    "input_mtok": "input_per_mtok",
    "output_mtok": "output_per_mtok",
    "cache_read_mtok": "cache_read_per_mtok",
    "cache_write_mtok": "cache_write_per_mtok",
    "cache_write_1h_mtok": "cache_write_1h_per_mtok",
    "output_reasoning_mtok": "reasoning_per_mtok",
    "input_audio_mtok": "audio_input_per_mtok",
    "output_audio_mtok": "audio_output_per_mtok",
}
FINEST = Decimal("0.000001")
_AMOUNTS = frozenset(KINDS.values())
BESIDE = frozenset({"web_searches_kcount", "storage_searches_kcount", "cache_audio_read_mtok"})
"""Billed beside tokens, which no count of tokens shows; sound that was cached is billed as text that was."""


def compile_prices() -> dict[str, Any]:
    """The file's content: where it is from, and by our provider's id each model's price; amounts are decimal strings."""
    sheets = {provider.id: provider for provider in data.providers}
    prices: dict[str, dict[str, Any]] = {}
    for ours, theirs in SHEETS.items():
        listed: dict[str, Any] = {}
        for model in sheets[theirs].models:
            if (price := price_of(model)) is not None:
                for name in names_of(model):
                    listed.setdefault(name.casefold(), price)
        prices[ours] = dict(sorted(listed.items()))
    return {"source": f"genai-prices {version('genai-prices')}", "prices": prices}


def names_of(model: ModelInfo) -> Iterator[str]:
    """The names that the sheet gives exactly; its own id is one only where its pattern says so too."""
    if model.is_match(model.id):
        yield model.id
    yield from _equals(model.match)


def _equals(clause: MatchLogic) -> Iterator[str]:
    if isinstance(clause, ClauseEquals):
        yield clause.equals
    elif isinstance(clause, ClauseOr):
        for each in clause.or_:
            yield from _equals(each)


def price_of(model: ModelInfo) -> dict[str, Any] | None:
    """The price in our shape, its later changes with it; None where ours cannot say it."""
    if isinstance(model.prices, ModelPrice):
        return _amounts(model.prices)
    dated: list[tuple[str, ModelPrice]] = []
    for condition in model.prices:
        day = _day(condition)
        if day is None:
            return None
        dated.append((day, condition.prices))
    amounts = [(day, _amounts(prices)) for day, prices in dated]
    if any(price is None for _, price in amounts) or [day for day, _ in amounts] != sorted({day for day, _ in amounts}):
        return None
    (_, first), *rest = amounts
    assert first is not None  # noqa: S101 - looked at two lines above
    changes = [{"starts_on": day, **price} for day, price in rest if price is not None]
    return {**first, "changes": changes} if changes else first


def _day(condition: ConditionalPrice) -> str | None:
    if condition.constraint is None:
        return ""
    return (
        condition.constraint.start_date.isoformat() if isinstance(condition.constraint, StartDateConstraint) else None
    )


def _amounts(prices: ModelPrice) -> dict[str, Any] | None:
    stated = {name: price for name, price in vars(prices).items() if price is not None and name not in BESIDE}
    if "input_mtok" not in stated or not set(stated) <= set(KINDS):
        return None
    stated.setdefault("output_mtok", Decimal(0))
    amounts: dict[str, Any] = {KINDS[name]: str(_above(price, 0)) for name, price in stated.items()}
    starts = sorted(
        {tier.start for price in stated.values() if isinstance(price, TieredPrices) for tier in price.tiers}
    )
    tiers: list[dict[str, Any]] = [
        {"input_tokens_above": start} | {KINDS[name]: str(_above(price, start)) for name, price in stated.items()}
        for start in starts
    ]
    if any(Decimal(amount) % FINEST for each in (amounts, *tiers) for name, amount in each.items() if name in _AMOUNTS):
        return None
    return {**amounts, "tiers": tiers} if tiers else amounts


def _above(price: Decimal | TieredPrices, start: int) -> Decimal:
    if not isinstance(price, TieredPrices):
        return price
    reached = [tier.price for tier in price.tiers if tier.start <= start]
    return reached[-1] if start and reached else price.base


def main() -> None:
    """Write the file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--as-of", default=datetime.datetime.now(datetime.UTC).date().isoformat(), help="YYYY-MM-DD")
    compiled = {"as_of": parser.parse_args().as_of, **compile_prices()}
    TARGET.write_text(json.dumps(compiled, indent=1, ensure_ascii=False, sort_keys=True) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
