"""What a chart shows, as values; `svg.py` draws them."""

from __future__ import annotations

import msgspec


class Bar(msgspec.Struct, frozen=True):
    """`value` in the chart's unit, with the ends of its interval where it has one; None is unknown and drawn as nothing.

    Bars of one `group` have one colour.
    """

    label: str
    value: float | None
    low: float | None = None
    high: float | None = None
    group: int = 0


class Bars(msgspec.Struct, frozen=True):
    """One bar a line, all from zero (or from `origin`, where a line is drawn)."""

    title: str
    unit: str
    bars: tuple[Bar, ...]
    origin: float = 0.0


class Line(msgspec.Struct, frozen=True):
    """One value for each place along the axis; None is a gap. `low` and `high` are a band around it."""

    label: str
    values: tuple[float | None, ...]
    low: tuple[float | None, ...] = ()
    high: tuple[float | None, ...] = ()


class Lines(msgspec.Struct, frozen=True):
    """Several lines over the same places, from zero."""

    title: str
    unit: str
    places: tuple[str, ...]
    lines: tuple[Line, ...]


Chart = Bars | Lines
