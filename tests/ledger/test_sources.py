"""A period is cut without gap or overlap, and into the largest parts there are."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from entrepot.ledger.rollups import DAY_NS, HOUR_NS, cube_called
from entrepot.ledger.sources import _cut, source
from entrepot.ledger.store import ALWAYS, Period

moments = st.integers(0, 4_000_000_000).map(lambda second: second * 1_000_000_000)


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * 1_000_000_000


@given(moments, moments, st.booleans())
def test_the_parts_make_the_period(since_ns: int, until_ns: int, months: bool) -> None:
    parts = list(_cut(since_ns, until_ns, months=months))
    if until_ns <= since_ns:
        assert parts == []
        return
    assert parts[0][1] == since_ns
    assert parts[-1][2] == until_ns
    for (_, _, end_ns), (_, next_ns, _) in itertools.pairwise(parts):
        assert end_ns == next_ns
    for unit, first_ns, last_ns in parts:
        whole_ns = {"month": DAY_NS, "day": DAY_NS, "hour": HOUR_NS, "entry": 1}[unit]
        assert first_ns % whole_ns == last_ns % whole_ns == 0
        if unit == "month":
            assert datetime.fromtimestamp(first_ns // 10**9, UTC).day == 1
            assert datetime.fromtimestamp(last_ns // 10**9, UTC).day == 1
    assert len(parts) <= 7


def test_a_year_from_an_odd_moment_reads_few_hours_and_many_months() -> None:
    parts = list(_cut(at("2026-01-30T22:30:00"), at("2027-02-03T01:00:00"), months=True))
    assert [(unit, (last - first) // HOUR_NS) for unit, first, last in parts] == [
        ("entry", 0),
        ("hour", 1),
        ("day", 24),
        ("month", 365 * 24),
        ("day", 48),
        ("hour", 1),
    ]


def test_where_days_are_asked_for_no_month_is_read() -> None:
    assert "monthly" not in source(cube_called("key"), ALWAYS, by_day=True)[0]
    assert "monthly" in source(cube_called("key"), ALWAYS, by_day=False)[0]
    assert source(cube_called("key"), Period(5, 5), by_day=False)[1] == ()
