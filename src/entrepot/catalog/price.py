"""What a token costs: the shapes of a list price, as data.

Rules of this file: amounts are per million tokens in the price's own currency, as Decimals with at most six places. What a
price depends on is the whole of this: how long the request is (`tiers`), what hour it is there (`windows`), which service tier
was billed (`services`), where it is processed (`factor`), and what day it is (`changes`). `pricing.py` compiles it.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Literal

import msgspec

Currency = Literal["USD", "CNY"]


class PriceTier(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Prices of the whole request once its input is longer than `input_tokens_above`, and its output than `output_tokens_above`.

    Bands ("0-32k", "32-128k", …) are several of these: the last one that applies is the price of every token.
    """

    input_tokens_above: int
    input_per_mtok: Decimal
    output_per_mtok: Decimal
    cache_read_per_mtok: Decimal | None = None
    cache_write_per_mtok: Decimal | None = None
    reasoning_per_mtok: Decimal | None = None
    cache_write_1h_per_mtok: Decimal | None = None
    audio_input_per_mtok: Decimal | None = None
    audio_output_per_mtok: Decimal | None = None
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
    """A tier of service, by the provider's word for it, in which every price is multiplied by `factor`."""

    tier: str
    factor: Decimal


class PriceChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The prices from the day `starts_on` (YYYY-MM-DD, 0:00 UTC) on, in place of all that held before."""

    starts_on: str
    input_per_mtok: Decimal
    output_per_mtok: Decimal
    cache_read_per_mtok: Decimal | None = None
    cache_write_per_mtok: Decimal | None = None
    reasoning_per_mtok: Decimal | None = None
    cache_write_1h_per_mtok: Decimal | None = None
    audio_input_per_mtok: Decimal | None = None
    audio_output_per_mtok: Decimal | None = None
    tiers: tuple[PriceTier, ...] = ()
    windows: tuple[PriceWindow, ...] = ()
    services: tuple[PriceService, ...] = ()


class Price(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A list price per million tokens in its own currency.

    Reasoning tokens cost `reasoning_per_mtok`, or as output where that is None; audio tokens as text of their direction. A None
    cache price means that cached tokens cost as input; a None price for an hour, that it costs as the shorter time.
    `services` are the tiers of service that a provider may bill (`flex`, `priority`, `batch`): one it bills that is not named
    here has an unknown price. `factor` multiplies everything: what processing in one region costs more.
    """

    input_per_mtok: Decimal
    output_per_mtok: Decimal
    source: str
    as_of: str
    cache_read_per_mtok: Decimal | None = None
    cache_write_per_mtok: Decimal | None = None
    reasoning_per_mtok: Decimal | None = None
    currency: Currency = "USD"
    tiers: tuple[PriceTier, ...] = ()
    cache_write_1h_per_mtok: Decimal | None = None
    audio_input_per_mtok: Decimal | None = None
    audio_output_per_mtok: Decimal | None = None
    windows: tuple[PriceWindow, ...] = ()
    services: tuple[PriceService, ...] = ()
    changes: tuple[PriceChange, ...] = ()
    factor: Decimal = Decimal(1)
