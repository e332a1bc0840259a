from __future__ import annotations

import datetime
import time

import click
import pytest

from entrepot.cli.moments import read_moment, read_span, tell_moment

CONTEXT = click.Context(click.Command("x"))
OPTION = click.Option(["--x"])


@pytest.mark.parametrize(("text", "span_s"), [("0s", 0), ("90m", 5400), ("24h", 86_400), ("7d", 604_800)])
def test_a_span_is_read(text: str, span_s: float) -> None:
    assert read_span(CONTEXT, OPTION, text) == span_s


@pytest.mark.parametrize("text", ["", "24", "h", "-1h", "1.5h", "1w", "٣h", "9999999d"])
def test_what_is_no_span_is_told(text: str) -> None:
    with pytest.raises(click.BadParameter):
        read_span(CONTEXT, OPTION, text)


def test_a_moment_is_a_day_or_a_span_from_now() -> None:
    day = datetime.datetime(2027, 1, 31, tzinfo=datetime.UTC).timestamp()
    assert read_moment(CONTEXT, OPTION, "2027-01-31") == day
    before = time.time()
    found = read_moment(CONTEXT, OPTION, "1d")
    assert found is not None
    assert before + 86_400 <= found <= time.time() + 86_400
    assert read_moment(CONTEXT, OPTION, None) is None
    with pytest.raises(click.BadParameter):
        read_moment(CONTEXT, OPTION, "31.1.2027")


def test_a_moment_is_told_in_utc() -> None:
    assert tell_moment(0) == "1970-01-01 00:00"
    assert tell_moment(None) == ""
