"""What the stand-in providers say they are owed, read over HTTP from their own books."""

from __future__ import annotations

import urllib.request
from collections.abc import Callable, Iterable
from decimal import ROUND_HALF_UP, Decimal

import msgspec

from entrepot.simulator.books import Row


class _Books(msgspec.Struct, frozen=True):
    rows: tuple[Row, ...]


def fetch_books(url: str) -> tuple[Row, ...]:
    """Every row of every stand-in of the simulator at `url` (its root), in the order in which requests ended."""
    with urllib.request.urlopen(f"{url}/_books", timeout=30) as answer:  # noqa: S310 - loopback, and no file: URL
        return msgspec.json.decode(answer.read(), type=_Books).rows


def owed_nano_usd(rows: Iterable[Row], usd_per_cny: Decimal, wanted: Callable[[Row], bool] = lambda _: True) -> int:
    """The sum of the rows that are `wanted`, in nano-dollars; each row is rounded half up by itself, as a bill is."""
    total = 0
    for row in rows:
        if row.cost is not None and wanted(row):
            usd = row.cost * usd_per_cny if row.currency == "CNY" else row.cost
            total += int((usd * 1_000_000_000).to_integral_value(ROUND_HALF_UP))
    return total
