"""Tokens become money, here and nowhere else: one function of usage, deployment and time.

Rules of this file: exact arithmetic. A price is a Decimal per million tokens, so one token costs a whole number of
pico-units once the price, with every factor that may apply, has at most six decimals (finer ones are refused when the catalog
loads). A sum is an integer of pico-dollars, rounded once, half up, to whole nano-dollars (10^-9 USD): the unit of the ledger.
"""

from __future__ import annotations

import itertools
import math
from decimal import Decimal
from typing import NamedTuple

import msgspec

from entrepot.canonical.response import Usage
from entrepot.catalog.holidays import day_number
from entrepot.catalog.price import Currency, PeriodPrices, Price, PriceChange, PriceTier, TokenPrices
from entrepot.catalog.price_hours import DAY_S, PriceHours
from entrepot.errors import CatalogError, Defect

NANO_PER_UNIT = 1_000_000_000
_PICO_PER_NANO = 1_000
_HOUR_S = 3600

STANDARD_SERVICES = frozenset({"", "auto", "default", "standard", "on_demand"})
"""What providers call the service that the list price is for."""


class Rates(NamedTuple):
    """Pico-units of the price's currency per token, by kind."""

    input: int
    output: int
    cache_read: int
    cache_write: int
    cache_write_1h: int
    reasoning: int
    audio_input: int
    audio_output: int


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


class _Period:
    """The prices between two changes."""

    def __init__(self, starts_s: float, prices: PeriodPrices) -> None:
        self.starts_s = starts_s
        self._tiers = tuple(
            sorted(prices.tiers, key=lambda tier: (-tier.input_tokens_above, -tier.output_tokens_above))
        )
        self._windows = tuple(PriceHours(window) for window in prices.windows)
        self._up_to = prices.input_tokens_up_to
        self._services = {
            service.tier: (_factor(service.tier, service.factor), service.input_tokens_up_to)
            for service in prices.services
        }
        self._is_flat = self._up_to is None and not self._tiers and not self._windows
        self._dearest_flat: dict[tuple[str, ...], Rates | None] = {}
        self._compiled: dict[tuple[tuple[int, int] | None, Decimal], Rates] = {}
        # Every combination is compiled now: a price that is too fine is refused when it is read, not when it is billed.
        for tier, in_window, service in itertools.product(
            (None, *self._tiers),
            (Decimal(1), *(window.factor for window in self._windows)),
            (Decimal(1), *(factor for factor, _ in self._services.values())),
        ):
            self._compiled[_index(tier), in_window * service] = _rates(tier or prices, in_window * service)
        self._usual = self._compiled[None, Decimal(1)]

    def rates(self, input_tokens: int, output_tokens: int, at_s: float, service: str | None) -> Rates | None:
        """What holds for such a request; None where nobody stated its price: so long an input, or the service billed."""
        if self._is_flat and (service is None or service in STANDARD_SERVICES):
            return self._usual
        if self._up_to is not None and input_tokens > self._up_to:
            return None
        factor = Decimal(1)
        if service is not None and service not in STANDARD_SERVICES:
            known = self._services.get(service)
            if known is None or (known[1] is not None and input_tokens > known[1]):
                return None
            factor = known[0]
        for window in self._windows:
            if window.holds(at_s):
                factor = window.factor * factor
                break
        for tier in self._tiers:
            least = tier.output_tokens_above
            if input_tokens > tier.input_tokens_above and (not least or output_tokens > least):
                return self._compiled[_index(tier), factor]
        return self._compiled[None, factor]

    def dearest(self, input_tokens: int, output_tokens: int, at_s: float, services: tuple[str, ...]) -> Rates | None:
        """Of each kind the highest rate that such a request, or any shorter one, may be billed at in any of the services."""
        if not self._is_flat:
            return self._dearest(input_tokens, output_tokens, at_s, services)
        if services not in self._dearest_flat:
            found = self._dearest(input_tokens, output_tokens, at_s, services)
            if any(self._services[name][1] is not None for name in services if name in self._services):
                return found  # some of them are for short requests only
            self._dearest_flat[services] = found
        return self._dearest_flat[services]

    def _dearest(self, input_tokens: int, output_tokens: int, at_s: float, services: tuple[str, ...]) -> Rates | None:
        reached: list[PriceTier | None] = [None]
        reached += [
            tier
            for tier in self._tiers
            if input_tokens > tier.input_tokens_above and output_tokens >= tier.output_tokens_above
        ]
        if self._up_to is not None and input_tokens > self._up_to:
            return None
        window = next((window.factor for window in self._windows if window.holds(at_s)), Decimal(1))
        found: list[Rates] = []
        for service in services:
            factor, up_to = (Decimal(1), None) if service in STANDARD_SERVICES else self._services[service]
            if up_to is not None and input_tokens > up_to:
                return None
            found.extend(self._compiled[_index(tier), window * factor] for tier in reached)
        return Rates(*map(max, zip(*found, strict=True)))

    @property
    def steps(self) -> tuple[list[int], list[int]]:
        """Lengths of input and of output beyond which another rate holds, or none is stated."""
        by_input = [tier.input_tokens_above for tier in self._tiers]
        return by_input if self._up_to is None else [*by_input, self._up_to], [
            tier.output_tokens_above for tier in self._tiers if tier.output_tokens_above
        ]

    @property
    def grain_s(self) -> int | None:
        """As `Tariff.grain_s`, for this period."""
        edges = [edge for window in self._windows for edge in window.edges_s]
        return math.gcd(_HOUR_S, *edges) if edges else None

    @property
    def services(self) -> tuple[str, ...]:
        """The services beside the standard one whose price is known."""
        return tuple(self._services)

    @property
    def is_steady(self) -> bool:
        """Whether every request in the standard service is billed at the same rates, or at ones that are not known."""
        return not self._tiers and not self._windows

    @property
    def is_free(self) -> bool:
        """Whether every rate is zero."""
        return self._up_to is None and not any(any(rates) for rates in self._compiled.values())


class Tariff:
    """One deployment's prices compiled to integers: `cost` is called for every attempt.

    Raises CatalogError: a price is negative or too fine, or a window, a date or a factor is none.
    """

    __slots__ = ("_currency", "_periods", "_steady", "_usd", "is_free")

    def __init__(self, price: Price, exchange: ExchangeRates) -> None:
        later = [_Period(_start_s(change), change) for change in price.changes]
        if [period.starts_s for period in later] != sorted({period.starts_s for period in later}):
            raise CatalogError("changes are in order of starts_on, one a day")
        self._periods = (*reversed(later), _Period(float("-inf"), price))
        self._currency: Currency = price.currency
        self.is_free = all(period.is_free for period in self._periods)
        """Whether no token of any kind costs anything, however many there are and whenever."""
        self._usd = None if price.currency == "USD" else exchange.usd_per_cny.as_integer_ratio()
        self._steady = self._usd_per_token(0, 0.0) if not later and self._periods[0].is_steady else None

    def rates(
        self, input_tokens: int, at_s: float, *, output_tokens: int = 0, service: str | None = None
    ) -> Rates | None:
        """The rates that such a request is billed at, at a moment (Unix seconds); None where the price is not known."""
        return self._period(at_s).rates(input_tokens, output_tokens, at_s, service)

    def _period(self, at_s: float) -> _Period:
        for period in self._periods:
            if at_s >= period.starts_s:
                break
        return period  # the last of them, which is the first in time, has no beginning

    def cost(self, usage: Usage, at_s: float) -> Money | None:
        """What `usage` costs, exactly, of a request sent at `at_s` (Unix seconds); None where that is unknown.

        `usage.service_tier` is what the provider says it billed.
        """
        rates = self.rates(usage.all_input, at_s, output_tokens=usage.all_output, service=usage.service_tier)
        if rates is None:
            return None
        # parts of a kind never exceed it, whatever a provider says
        heard = min(usage.audio_input_tokens, usage.input_tokens)
        said = min(usage.audio_output_tokens, usage.output_tokens)
        hour = min(usage.cache_write_1h_tokens, usage.cache_write_tokens)
        pico = (
            (usage.input_tokens - heard) * rates.input
            + heard * rates.audio_input
            + usage.cache_read_tokens * rates.cache_read
            + (usage.cache_write_tokens - hour) * rates.cache_write
            + hour * rates.cache_write_1h
            + (usage.output_tokens - said) * rates.output
            + said * rates.audio_output
            + usage.reasoning_tokens * rates.reasoning
        )
        nano = _half_up(pico, _PICO_PER_NANO)
        if self._usd is None:
            return Money(nano, self._currency, nano)
        numerator, denominator = self._usd
        return Money(nano, self._currency, _half_up(pico * numerator, denominator * _PICO_PER_NANO))

    def worst_nano_usd(
        self,
        input_tokens: int,
        output_tokens: int,
        at_s: float,
        *,
        service: str | None = None,
        sound: bool = False,
        hour: bool = False,
    ) -> int | None:
        """What a request of at most so many tokens can cost at most, in whole nano-dollars, rounded up; None: nobody knows.

        Every input token is taken for the dearest kind that it may be billed as (read, or written to a cache; for an `hour`
        where the request asks for that, as `sound` where it may hold any), every output token likewise. `service` is the tier
        that the request names; where it leaves the choice to the provider, the dearest is taken.
        """
        period = self._period(at_s)
        services = _services_billed(service, period.services)
        rates = None if services is None else period.dearest(input_tokens, output_tokens, at_s, services)
        if rates is None:
            return None
        read = max(rates.input, rates.cache_read, rates.cache_write)
        read = max(read, rates.cache_write_1h if hour else 0, rates.audio_input if sound else 0)
        wrote = max(rates.output, rates.reasoning, rates.audio_output if sound else 0)
        numerator, denominator = (1, 1) if self._usd is None else self._usd
        return -(-(input_tokens * read + output_tokens * wrote) * numerator // (denominator * _PICO_PER_NANO))

    def usd_per_token(self, input_tokens: int, at_s: float) -> tuple[float, float]:
        """Dollars per input and per output token, for estimates before the call; never for the books."""
        return self._steady or self._usd_per_token(input_tokens, at_s)

    def _usd_per_token(self, input_tokens: int, at_s: float) -> tuple[float, float]:
        rates, unit = self._rates_and_unit(input_tokens, at_s)
        return rates.input * unit, rates.output * unit

    def usd_per_input_token(self, input_tokens: int, at_s: float) -> tuple[float, float, float]:
        """Dollars per input token: in full, read from the provider's cache, written to it; for estimates before the call."""
        rates, unit = self._rates_and_unit(input_tokens, at_s)
        return rates.input * unit, rates.cache_read * unit, rates.cache_write * unit

    def usd_per_kind(self, input_tokens: int, at_s: float, output_tokens: int = 0) -> tuple[float, float, float, float]:
        """Dollars per token read in full, from the cache, written to it, and of output; for estimates."""
        rates, unit = self._rates_and_unit(input_tokens, at_s, output_tokens)
        return rates.input * unit, rates.cache_read * unit, rates.cache_write * unit, rates.output * unit

    @property
    def steps(self) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """The lengths of input, and of output, beyond which a rate may be another, in order."""
        found: tuple[set[int], set[int]] = (set(), set())
        for period in self._periods:
            for lengths, steps in zip(found, period.steps, strict=True):
                lengths.update(steps)
        return tuple(sorted(found[0])), tuple(sorted(found[1]))

    @property
    def grain_s(self) -> int | None:
        """Within spans of so many seconds, counted from 1970, no rate changes; None: no rate ever does."""
        grains = [period.grain_s for period in self._periods if period.grain_s is not None]
        if len(self._periods) > 1:
            grains.append(DAY_S)
        return math.gcd(*grains) if grains else None

    def _rates_and_unit(self, input_tokens: int, at_s: float, output_tokens: int = 0) -> tuple[Rates, float]:
        rates = self.rates(input_tokens, at_s, output_tokens=output_tokens) or self.rates(0, at_s)
        if rates is None:
            raise Defect("a short request in the standard service has no rates")
        return rates, 1e-12 if self._usd is None else 1e-12 * self._usd[0] / self._usd[1]


def _services_billed(asked: str | None, known: tuple[str, ...]) -> tuple[str, ...] | None:
    """The services that a request may be billed in: those it named, or any where it left that open; None: one of no price."""
    if asked is None or asked in ("", "auto"):
        return ("default", *known)
    if asked in STANDARD_SERVICES:
        return ("default",)
    return ("default", asked) if asked in known else None


def _index(tier: PriceTier | None) -> tuple[int, int] | None:
    return None if tier is None else (tier.input_tokens_above, tier.output_tokens_above)


def _rates(price: TokenPrices, factor: Decimal) -> Rates:
    given = _pico(price.input_per_mtok, factor)
    out = _pico(price.output_per_mtok, factor)
    write = _or(price.cache_write_per_mtok, factor, given)
    return Rates(
        input=given,
        output=out,
        cache_read=_or(price.cache_read_per_mtok, factor, given),
        cache_write=write,
        cache_write_1h=_or(price.cache_write_1h_per_mtok, factor, write),
        reasoning=_or(price.reasoning_per_mtok, factor, out),
        audio_input=_or(price.audio_input_per_mtok, factor, given),
        audio_output=_or(price.audio_output_per_mtok, factor, out),
    )


def _or(per_mtok: Decimal | None, factor: Decimal, otherwise: int) -> int:
    return otherwise if per_mtok is None else _pico(per_mtok, factor)


def _pico(per_mtok: Decimal, factor: Decimal) -> int:
    pico = per_mtok * factor * 1_000_000
    if pico < 0 or pico != pico.to_integral_value():
        times = "" if factor == 1 else f" times {factor}"
        raise CatalogError(
            f"a price of {per_mtok}{times} per million tokens: prices are not negative and have at most six decimals"
        )
    return int(pico)


def _factor(name: str, value: Decimal) -> Decimal:
    if not value.is_finite() or value < 0:
        raise CatalogError(f"{name} = {value}: a factor is a number that is not negative")
    return value


def _start_s(change: PriceChange) -> float:
    try:
        return float(day_number(change.starts_on) * DAY_S)
    except ValueError:
        raise CatalogError(f"starts_on = '{change.starts_on}' is not a date YYYY-MM-DD") from None


def _half_up(numerator: int, denominator: int) -> int:
    return (2 * numerator + denominator) // (2 * denominator)


def format_usd(nano_usd: int, digits: int = 6) -> str:
    """Nano-dollars as dollars with `digits` decimals, without passing through a float."""
    return f"{Decimal(nano_usd) / NANO_PER_UNIT:.{digits}f}"
