"""What a token costs: the shapes of a list price, as data.

Rules of this file: amounts are per million tokens in the price's own currency, as Decimals with at most six places. What a
price depends on is the whole of this: how long the request is (`tiers`), what hour it is there (`windows`), which service tier
was billed (`services`), and what day it is (`changes`); what a region costs more is in its amounts. `pricing.py` compiles it.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Literal, TypeVar

import msgspec

Currency = Literal["USD", "CNY"]


class TokenPrices(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Prices per million tokens by kind.

    Reasoning tokens cost `reasoning_per_mtok`, or as output where that is None; audio tokens as text of their direction. A None
    cache price means that cached tokens cost as input; a None price for an hour, that it costs as the shorter time.
    """

    input_per_mtok: Decimal
    output_per_mtok: Decimal
    cache_read_per_mtok: Decimal | None = None
    cache_write_per_mtok: Decimal | None = None
    reasoning_per_mtok: Decimal | None = None
    cache_write_1h_per_mtok: Decimal | None = None
    audio_input_per_mtok: Decimal | None = None
    audio_output_per_mtok: Decimal | None = None


class PriceTier(TokenPrices, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Prices of the whole request once its input is longer than `input_tokens_above`, and its output than `output_tokens_above`.

    Bands ("0-32k", "32-128k", …) are several of these: the last one that applies is the price of every token.
    """

    input_tokens_above: int
    output_tokens_above: int = 0


class PriceWindow(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Hours in which every price is multiplied by `factor`.

    `hours` are "HH:MM-HH:MM" on a clock `utc_offset_hours` from UTC, the end not included; `weekdays` are 1 (Monday) to 7;
    `except_holidays` is the country whose public holidays do not count (`holidays.py`).
    """

    factor: Decimal
    hours: tuple[str, ...]
    utc_offset_hours: int = 0
    weekdays: tuple[int, ...] = (1, 2, 3, 4, 5, 6, 7)
    except_holidays: str | None = None


class PriceService(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A tier of service, by the provider's word for it, in which every price is multiplied by `factor`.

    `input_tokens_up_to` is the longest input for which that is known.
    """

    tier: str
    factor: Decimal
    input_tokens_up_to: int | None = None


class PeriodPrices(TokenPrices, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All prices between two changes.

    `services` are the tiers of service that a provider may bill (`flex`, `priority`, `batch`): one it bills that is not named
    here has an unknown price. `input_tokens_up_to` is the longest input whose price is stated: that of a longer one is unknown.
    """

    tiers: tuple[PriceTier, ...] = ()
    windows: tuple[PriceWindow, ...] = ()
    services: tuple[PriceService, ...] = ()
    input_tokens_up_to: int | None = None


class PriceChange(PeriodPrices, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The prices from the day `starts_on` (YYYY-MM-DD, 0:00 UTC) on, in place of all that held before."""

    starts_on: str


class Price(PeriodPrices, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A list price in its own currency, with the page and the day it was read there."""

    source: str
    as_of: str
    currency: Currency = "USD"
    changes: tuple[PriceChange, ...] = ()


FINEST = Decimal("0.000001")
"""What a price may be a multiple of; half as many decimals are left for what it is multiplied by in some hours."""
_COARSE = Decimal("0.0001")

_Prices = TypeVar("_Prices", bound=TokenPrices)


def dearer(price: Price, uplift: Decimal) -> Price:
    """The price where everything costs `uplift` times as much; its source says so."""
    if uplift == 1:
        return price
    return msgspec.structs.replace(_times(price, uplift), source=f"{price.source}, x {uplift}")


def repriced(price: Price, factor: Decimal) -> Price:
    """The price were everything `factor` times as dear, rounded to decimals that a price may have."""
    unit = (
        _COARSE
        if price.windows or price.services or any(one.windows or one.services for one in price.changes)
        else FINEST
    )
    return msgspec.structs.replace(_times(price, factor, unit), source=f"{price.source}, x {factor}")


def _times(prices: _Prices, uplift: Decimal, unit: Decimal | None = None) -> _Prices:
    scaled: dict[str, Any] = {
        name: Decimal(f"{(value * uplift if unit is None else (value * uplift).quantize(unit)).normalize():f}")
        for name in prices.__struct_fields__
        if name.endswith("_per_mtok") and (value := getattr(prices, name)) is not None
    }
    if isinstance(prices, PeriodPrices):
        scaled["tiers"] = tuple(_times(tier, uplift, unit) for tier in prices.tiers)
    if isinstance(prices, Price):
        scaled["changes"] = tuple(_times(change, uplift, unit) for change in prices.changes)
    return msgspec.structs.replace(prices, **scaled)
