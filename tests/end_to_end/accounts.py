"""The ledger held against the providers' own books, attempt by attempt: what tests of both share."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from entrepot.catalog.price import Price
from entrepot.catalog.pricing import ExchangeRates
from entrepot.exchange.records import AttemptRecord, Entry
from entrepot.ledger.lookup import find_entry
from entrepot.simulator.books import Row
from tests.end_to_end.world import World, eventually

KINDS = (
    "input_tokens",
    "cache_read_tokens",
    "cache_write_tokens",
    "cache_write_1h_tokens",
    "output_tokens",
    "reasoning_tokens",
)
RATES = ExchangeRates(Decimal("0.148998"), "2026-09-04", "test")


def price(given: str, written: str, **more: Any) -> Price:
    """A price with nothing in it but figures."""
    return Price(
        input_per_mtok=Decimal(given), output_per_mtok=Decimal(written), source="test", as_of="2026-11-01", **more
    )


def usd_of(row: Row) -> int:
    """Nano-dollars of one row, rounded once from the exact amount."""
    assert row.cost is not None
    usd = row.cost * RATES.usd_per_cny if row.currency == "CNY" else row.cost
    return int((usd * 1_000_000_000).to_integral_value(ROUND_HALF_UP))


def agree(attempt: AttemptRecord, row: Row) -> None:
    """An attempt and what its provider wrote down."""
    if attempt.usage is None:
        assert attempt.failure in ("timeout", "cut_off", "protocol")
        assert attempt.cost_nano_usd is None
        return
    if attempt.usage.estimated:
        # In some dialects an empty answer is one, and in some the tokens are told after the end.
        silent = row.fault in ("no-usage", "no-choices", "no-done") or row.state == "client_gone"
        assert attempt.failure is not None or silent, (attempt, row)
        return
    assert [getattr(attempt.usage, kind) for kind in KINDS] == [getattr(row.tokens, kind) for kind in KINDS], row
    if row.cost is None:
        assert (attempt.cost_nano, attempt.cost_nano_usd, attempt.currency) == (None, None, None)
    else:
        assert (attempt.cost_nano, attempt.currency, attempt.cost_nano_usd) == (
            row.cost_nano,
            row.currency,
            usd_of(row),
        )


def exchange_of(world: World, id: str) -> Entry:
    """What the ledger holds of an exchange, once it holds it."""
    assert eventually(lambda: find_entry(world.place, id) is not None)
    entry = find_entry(world.place, id)
    assert entry is not None
    return entry
