"""The ledger held against the providers' own books, attempt by attempt: what tests of both share."""

from __future__ import annotations

import json
import socket
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any

from entrepot.catalog.price import Price
from entrepot.catalog.pricing import ExchangeRates
from entrepot.exchange.records import AttemptRecord, Entry
from entrepot.ledger.lookup import find_entry
from entrepot.simulator.books import Row
from tests.end_to_end.world import KEY, World, eventually

KINDS = (
    "input_tokens",
    "cache_read_tokens",
    "cache_write_tokens",
    "cache_write_1h_tokens",
    "output_tokens",
    "reasoning_tokens",
)
LONG = "数一数 these tokens, one after another. " * 200
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


def rows_of(world: World, seen: int, attempts: tuple[AttemptRecord, ...], *, faulty: str) -> list[Row]:
    """The books' rows of an exchange, in the order of its attempts; `seen` rows were there before it.

    Deployments with a fault are called after it and `faulty`.
    """

    def booked() -> dict[str, Row]:
        # The gateway calls again, once, where a kept connection closed without a byte: one attempt, two rows of nothing.
        rows = world.simulator.books.rows[seen:]
        return {f"{faulty}/{row.fault}" if row.fault else f"{row.provider}/{row.model}": row for row in rows}

    assert eventually(lambda: world.simulator.under_way == 0 and len(booked()) == len(attempts)), attempts
    return [booked()[attempt.deployment] for attempt in attempts]


def leave(world: World, model: str) -> str:
    """Ask for a long stream, leave once it has begun, and say the exchange's id."""
    body = {"model": model, "stream": True, "messages": [{"role": "user", "content": LONG}]}
    sent = json.dumps(body).encode()
    head = f"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {KEY}\r\n"
    with socket.create_connection((world.installation.host, world.installation.port), timeout=10) as connection:
        connection.sendall(f"{head}content-length: {len(sent)}\r\n\r\n".encode() + sent)
        received = b""
        while b"data: " not in received:
            piece = connection.recv(65536)
            assert piece, received
            received += piece
    return received.lower().split(b"x-entrepot-exchange: ")[1].split(b"\r\n")[0].decode()


def config_of(directory: Path, database: str | None) -> Path:
    """A settings file for reports, which names the ledger."""
    path = directory / "entrepot.toml"
    where = f'[ledger]\ndirectory = "{directory}"\n' + (f'database = "{database}"\n' if database else "")
    path.write_text(f'{where}[[deployments]]\nprovider = "deepseek"\nmodel = "deepseek-v4.1-flash"\n', encoding="utf-8")
    return path
