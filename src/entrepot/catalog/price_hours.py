"""Hours of the week in which a price has a factor, compiled: whether a moment is among them.

Rules of this file: pure; a window's clock is whole hours from UTC, so it knows no summer time.
"""

from __future__ import annotations

from entrepot.catalog.holidays import HOLIDAYS
from entrepot.catalog.price import PriceWindow
from entrepot.errors import CatalogError

DAY_S = 86_400
_MINUTES = 24 * 60


class PriceHours:
    """The hours of one window. Raises CatalogError: a weekday, a zone, a span or a country of holidays is none."""

    def __init__(self, window: PriceWindow) -> None:
        self.factor = window.factor
        self._offset_s = window.utc_offset_hours * 3600
        self._weekdays = frozenset(day - 1 for day in window.weekdays)
        self._spans = tuple(_span(hours) for hours in window.hours)
        country = window.except_holidays
        if country is not None and country not in HOLIDAYS:
            raise CatalogError(f"except_holidays = '{country}': the holidays known are those of {', '.join(HOLIDAYS)}")
        self._holidays = HOLIDAYS[country] if country is not None else frozenset()
        if not self._weekdays or not self._weekdays <= set(range(7)):
            raise CatalogError("weekdays are numbers from 1 (Monday) to 7, at least one")
        if not -12 <= window.utc_offset_hours <= 14:
            raise CatalogError(f"utc_offset_hours = {window.utc_offset_hours} is no clock's: it is from -12 to 14")

    @property
    def edges_s(self) -> list[int]:
        """Where its spans begin and end, in seconds of its own clock, which is whole hours from UTC."""
        return [60 * minute for span in self._spans for minute in span]

    def holds(self, at_s: float) -> bool:
        """Whether the moment (Unix seconds) is in the window."""
        day, second = divmod(int(at_s) + self._offset_s, DAY_S)
        # the first of January 1970 was a Thursday
        if (day + 3) % 7 not in self._weekdays or day in self._holidays:
            return False
        minute = second // 60
        return any(start <= minute < end for start, end in self._spans)


def _span(hours: str) -> tuple[int, int]:
    start, _, end = hours.partition("-")
    minutes = tuple(_minute(text) for text in (start, end))
    if not minutes[0] < minutes[1]:
        raise CatalogError(f"hours = '{hours}': write a span of one day as 'HH:MM-HH:MM', the earlier first")
    return minutes[0], minutes[1]


def _minute(text: str) -> int:
    hour, _, minute = text.partition(":")
    if len(hour) == len(minute) == 2 and (hour + minute).isascii() and (hour + minute).isdigit():
        total = int(hour) * 60 + int(minute)
        if int(minute) < 60 and total <= _MINUTES:
            return total
    raise CatalogError(f"'{text}' is no time of day: write HH:MM, up to 24:00")
