"""The stand-ins' own books: what each request was billed, and what was in fact delivered.

Rules of this file: money is computed here from the price's decimals, apart from `catalog/pricing`, so that a ledger that
agrees with these books agrees with somebody else. Kinds of tokens are disjoint. A request that the client left, or that a
fault broke off, is billed its input and what was delivered, once one token was; nothing before.
"""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal
from typing import Literal

import msgspec

from entrepot.catalog.price import Price, PriceTier

State = Literal["completed", "client_gone", "broken", "refused"]
"""Answered in full · the client left first · a fault ended it midway · answered with an error, or not at all."""


class Tokens(msgspec.Struct, frozen=True):
    """Tokens by kind, disjoint; but `cache_write_1h_tokens` says how many of `cache_write_tokens` are kept for an hour."""

    input_tokens: int = 0
    cache_read_tokens: int = 0
    output_tokens: int = 0
    reasoning_tokens: int = 0
    cache_write_tokens: int = 0
    cache_write_1h_tokens: int = 0


class Row(msgspec.Struct, frozen=True):
    """One request. `cost` is exact and in `currency`; `cost_nano` is it in whole nano-units, rounded half up.

    `delivered_bytes` counts the answer's bytes with head and framing that left the stand-in; `delivered_tokens` the tokens
    of answer text in them.
    """

    id: str
    provider: str
    model: str
    stream: bool
    status: int
    state: State
    tokens: Tokens
    cost: Decimal | None
    cost_nano: int | None
    currency: str | None
    delivered_bytes: int
    delivered_tokens: int
    fault: str | None = None


class Totals(msgspec.Struct, frozen=True):
    """Sums over rows. `cost_nano` leaves out rows without a price, which `unpriced` counts."""

    requests: int
    completed: int
    tokens: Tokens
    cost_nano: int
    unpriced: int


class Books:
    """All rows, in the order in which the requests ended."""

    def __init__(self) -> None:
        self.rows: list[Row] = []

    def of(self, provider: str) -> list[Row]:
        """The rows of one provider."""
        return [row for row in self.rows if row.provider == provider]


def total(rows: list[Row]) -> Totals:
    """Add rows up."""
    priced = [row.cost_nano for row in rows if row.cost_nano is not None]
    return Totals(
        requests=len(rows),
        completed=sum(row.state == "completed" for row in rows),
        tokens=Tokens(*(sum(getattr(row.tokens, kind) for row in rows) for kind in Tokens.__struct_fields__)),
        cost_nano=sum(priced),
        unpriced=len(rows) - len(priced),
    )


def cost_of(tokens: Tokens, price: Price) -> Decimal:
    """What `tokens` cost at `price`, exactly, in the price's currency."""
    rates = _rates(price, tokens.input_tokens + tokens.cache_read_tokens + tokens.cache_write_tokens)
    cache_read = rates.cache_read_per_mtok if rates.cache_read_per_mtok is not None else rates.input_per_mtok
    cache_write = rates.cache_write_per_mtok if rates.cache_write_per_mtok is not None else rates.input_per_mtok
    reasoning = rates.reasoning_per_mtok if rates.reasoning_per_mtok is not None else rates.output_per_mtok
    per_million = (
        tokens.input_tokens * rates.input_per_mtok
        + tokens.cache_read_tokens * cache_read
        + tokens.cache_write_tokens * cache_write
        + tokens.output_tokens * rates.output_per_mtok
        + tokens.reasoning_tokens * reasoning
    )
    return per_million / 1_000_000


def in_nano(cost: Decimal) -> int:
    """An amount in whole nano-units, rounded half up."""
    return int((cost * 1_000_000_000).to_integral_value(ROUND_HALF_UP))


def _rates(price: Price, input_tokens: int) -> Price | PriceTier:
    reached = [tier for tier in price.tiers if input_tokens > tier.input_tokens_above]
    return max(reached, key=lambda tier: tier.input_tokens_above) if reached else price
