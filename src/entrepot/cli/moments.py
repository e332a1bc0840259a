"""Spans of time and moments as they are typed: 90d, 24h, 30m; 2027-01-31."""

from __future__ import annotations

import datetime
import re
import time

import click

_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


def read_span(_ctx: click.Context, _param: click.Parameter, value: str) -> float:
    """A span, as seconds: a callback of an option."""
    span_s = _span_s(value)
    if span_s is None:
        raise click.BadParameter("write a number with s, m, h or d behind it, such as 24h")
    return span_s


def read_moment(_ctx: click.Context, _param: click.Parameter, value: str | None) -> float | None:
    """A day, which stands for its first moment in UTC, or a span from now on; as Unix time: a callback of an option."""
    if value is None:
        return None
    span_s = _span_s(value)
    if span_s is not None:
        return time.time() + span_s
    try:
        day = datetime.date.fromisoformat(value)
    except ValueError:
        raise click.BadParameter("write a day such as 2027-01-31, or a span such as 90d") from None
    return datetime.datetime.combine(day, datetime.time(), datetime.UTC).timestamp()


def tell_moment(at_s: float | None) -> str:
    """A moment in UTC, to the minute; an empty text where there is none."""
    return "" if at_s is None else datetime.datetime.fromtimestamp(at_s, datetime.UTC).strftime("%Y-%m-%d %H:%M")


def _span_s(text: str) -> float | None:
    found = re.fullmatch(r"(\d{1,6})([smhd])", text, re.ASCII)
    return None if found is None else float(int(found[1]) * _SECONDS[found[2]])
