"""Tokens become money, here and nowhere else.

Rules of this file: exact arithmetic. A price is a Decimal per million tokens, so one token costs a whole number of
pico-units once the price has at most six decimals (finer ones are refused when the catalog loads). A sum is an integer of
pico-dollars, rounded once, half up, to whole nano-dollars (10^-9 USD): the unit of the ledger.
"""

from __future__ import annotations

from decimal import Decimal
from typing import NamedTuple

import msgspec

from entrepot.canonical.response import Usage
from entrepot.catalog.schema import Currency, Price, PriceTier
from entrepot.errors import CatalogError

NANO_PER_UNIT = 1_000_000_000
_PICO_PER_NANO = 1_000


class Rates(NamedTuple):
    """Pico-units of the price's currency per token, by kind."""

    input: int
    output: int
    cache_read: int
    cache_write: int
    reasoning: int


class ExchangeRates(msgspec.Struct, frozen=True):
    """US dollars per unit of another currency, with the day and page of the rate."""

    usd_per_cny: Decimal
    as_of: str
    source: str


class Money(NamedTuple):
    """An amount in whole nano-units of a currency, and the same in nano-dollars at the dated rate."""

    nano: int
    currency: Currency
    nano_usd: int


class Tariff:
    """One deployment's prices compiled to integers: `cost` is called for every attempt."""

    __slots__ = ("_base", "_currency", "_tiers", "_usd")

    def __init__(self, price: Price, exchange: ExchangeRates) -> None:
        self._base = _rates(price)
        self._tiers = tuple(
            (tier.input_tokens_above, _rates(tier))
            for tier in sorted(price.tiers, key=lambda tier: -tier.input_tokens_above)
        )
        self._currency: Currency = price.currency
        self._usd = None if price.currency == "USD" else exchange.usd_per_cny.as_integer_ratio()

    def rates(self, input_tokens: int) -> Rates:
        """The rates that a request with this much input is billed at."""
        for above, rates in self._tiers:
            if input_tokens > above:
                return rates
        return self._base

    @property
    def is_free(self) -> bool:
        """Whether no token of any kind costs anything, however many there are."""
        return not any(any(rates) for rates in (self._base, *(rates for _, rates in self._tiers)))

    def cost(self, usage: Usage) -> Money:
        """What `usage` costs, exactly."""
        rates = self.rates(usage.all_input)
        pico = (
            usage.input_tokens * rates.input
            + usage.cache_read_tokens * rates.cache_read
            + usage.cache_write_tokens * rates.cache_write
            + usage.output_tokens * rates.output
            + usage.reasoning_tokens * rates.reasoning
        )
        nano = _half_up(pico, _PICO_PER_NANO)
        if self._usd is None:
            return Money(nano, self._currency, nano)
        numerator, denominator = self._usd
        return Money(nano, self._currency, _half_up(pico * numerator, denominator * _PICO_PER_NANO))

    def usd_per_token(self, input_tokens: int) -> tuple[float, float]:
        """Dollars per input and per output token, for estimates before the call; never for the books."""
        rates = self.rates(input_tokens)
        unit = 1e-12 if self._usd is None else 1e-12 * self._usd[0] / self._usd[1]
        return rates.input * unit, rates.output * unit


def _rates(price: Price | PriceTier) -> Rates:
    given = _pico(price.input_per_mtok)
    out = _pico(price.output_per_mtok)
    return Rates(
        input=given,
        output=out,
        cache_read=given if price.cache_read_per_mtok is None else _pico(price.cache_read_per_mtok),
        cache_write=given if price.cache_write_per_mtok is None else _pico(price.cache_write_per_mtok),
        reasoning=out if price.reasoning_per_mtok is None else _pico(price.reasoning_per_mtok),
    )


def _pico(per_mtok: Decimal) -> int:
    pico = per_mtok * 1_000_000
    if pico < 0 or pico != pico.to_integral_value():
        raise CatalogError(
            f"a price of {per_mtok} per million tokens: prices are not negative and have at most six decimals"
        )
    return int(pico)


def _half_up(numerator: int, denominator: int) -> int:
    return (2 * numerator + denominator) // (2 * denominator)


def format_usd(nano_usd: int, digits: int = 6) -> str:
    """Nano-dollars as dollars with `digits` decimals, without passing through a float."""
    return f"{Decimal(nano_usd) / NANO_PER_UNIT:.{digits}f}"
