from __future__ import annotations

from datetime import UTC, datetime, timedelta, tzinfo
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from entrepot.policy.budgets import (
    Budget,
    BudgetBook,
    Period,
    account_name,
    check_budget,
    parse_account,
    scopes_of,
    span_of,
)
from entrepot.policy.rules import Principal

MOMENT_S = datetime(2026, 11, 22, 23, 30, tzinfo=UTC).timestamp()  # a Sunday


def budget(name: str = "b", **changes: Any) -> Budget:
    return Budget(**{"name": name, "amount_usd": Decimal("10"), **changes})


def zone_of(name: str) -> tzinfo:
    return ZoneInfo(name)


@pytest.mark.parametrize(
    ("period", "zone", "label"),
    [
        ("day", "UTC", "2026-11-22"),
        ("day", "Asia/Shanghai", "2026-11-23"),
        ("week", "UTC", "2026-W47"),
        ("week", "Asia/Shanghai", "2026-W48"),
        ("month", "UTC", "2026-11"),
        ("once", "UTC", "once"),
    ],
)
def test_a_moment_falls_into_the_period_of_the_budgets_own_clock(period: Period, zone: str, label: str) -> None:
    assert span_of(period, MOMENT_S, ZoneInfo(zone)).label == label


def test_a_day_on_which_clocks_are_changed_has_25_hours() -> None:
    span = span_of("day", datetime(2026, 10, 25, 12, tzinfo=UTC).timestamp(), ZoneInfo("Europe/Berlin"))
    assert span.starts_s is not None
    assert span.ends_s is not None
    assert span.ends_s - span.starts_s == 25 * 3600


@given(
    st.sampled_from(["day", "week", "month"]),
    st.integers(0, 4_000_000_000),
    st.sampled_from(["UTC", "Asia/Shanghai", "Europe/Berlin", "America/St_Johns", "Pacific/Apia"]),
)
def test_periods_follow_each_other_without_gap(period: Period, at_s: int, zone: str) -> None:
    span = span_of(period, at_s, ZoneInfo(zone))
    assert span.starts_s is not None
    assert span.ends_s is not None
    assert span.starts_s <= at_s < span.ends_s
    following = span_of(period, span.ends_s, ZoneInfo(zone))
    assert following.starts_s == span.ends_s
    assert following.label > span.label


def test_a_budget_of_nobody_in_particular_is_everybodys() -> None:
    assert scopes_of(budget(), "alice", ("red",), "auto") == [""]
    assert scopes_of(budget(), None, (), None) == [""]


def test_a_budget_holds_only_where_all_that_it_names_matches() -> None:
    named = budget(key="alice", route="auto")
    assert scopes_of(named, "alice", (), "auto") == [""]
    assert scopes_of(named, "alice", (), "other") == []
    assert scopes_of(named, "bob", (), "auto") == []


def test_a_star_gives_each_a_budget_of_its_own_and_nobody_without_one() -> None:
    assert scopes_of(budget(key="*"), "甲", (), None) == ["key=甲"]
    assert scopes_of(budget(key="*"), None, (), None) == []
    assert scopes_of(budget(key="*", route="*"), "a", (), "auto") == ["key=a,route=auto"]


def test_what_a_team_spends_is_charged_to_all_that_it_is_part_of() -> None:
    book = BudgetBook([budget("each", team="*"), budget("top", team="公司")], zone_of, {"red": "研发", "研发": "公司"})
    charges = book.charges(Principal(key="k", team="red"), "auto", MOMENT_S)
    assert [charge.account for charge in charges] == [
        "budget\teach\tteam=red\t2026-11",
        "budget\teach\tteam=研发\t2026-11",
        "budget\teach\tteam=公司\t2026-11",
        "budget\ttop\t\t2026-11",
    ]


def test_teams_that_are_part_of_each_other_are_counted_once() -> None:
    assert BudgetBook([], zone_of, {"a": "b", "b": "a"}).line_of("a") == ("a", "b")


def test_an_account_is_known_by_its_budget_scope_and_period() -> None:
    span = span_of("day", MOMENT_S)
    assert parse_account(account_name(budget("预算"), "key=a", span)) == ("预算", "key=a", "2026-11-22")
    assert parse_account("limit\tx\tkey=a\trequests") is None


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": "a\tb"}, "name"),
        ({"amount_usd": Decimal(0)}, "amount_usd"),
        ({"amount_usd": Decimal("-1")}, "amount_usd"),
        ({"amount_usd": Decimal("NaN")}, "amount_usd"),
        ({"amount_usd": Decimal("0.0000000001")}, "amount_usd"),
        ({"warn_at": (1.5,)}, "warn_at"),
        ({"wait_s": -1.0}, "wait_s"),
        ({"team": ""}, "team"),
    ],
)
def test_what_cannot_be_meant_is_told_by_its_field(changes: dict[str, Any], field: str) -> None:
    assert [name for name, _ in check_budget(budget(**changes))] == [field]


def test_a_plain_budget_is_fine() -> None:
    assert check_budget(budget()) == []
    assert budget(amount_usd=Decimal("0.000000001")).amount_nano_usd == 1


def test_a_period_ends_where_its_month_does() -> None:
    span = span_of("month", datetime(2026, 12, 31, tzinfo=UTC).timestamp())
    assert span.ends_s == datetime(2027, 1, 1, tzinfo=UTC).timestamp()
    assert span.starts_s == (datetime(2027, 1, 1, tzinfo=UTC) - timedelta(days=31)).timestamp()


@given(
    st.lists(st.integers(0, 90), min_size=1, max_size=8), st.sampled_from(("UTC", "Asia/Shanghai", "America/New_York"))
)
def test_who_is_charged_before_is_charged_the_same_as_for_the_first_time(days: list[int], zone: str) -> None:
    budgets = [budget("d", period="day", timezone=zone), budget("m", team="a", kind="soft"), budget("o", period="once")]
    book = BudgetBook(budgets, zone_of)
    for day in days:
        at_s = MOMENT_S + 43_200 * day
        for who in (Principal("k", "a"), Principal("k", "b")):
            charges = book.charges(who, None, at_s)
            assert charges == BudgetBook(budgets, zone_of).charges(who, None, at_s)
            assert [charge.amount_nano_usd for charge in charges if charge.budget.kind == "soft"] in ([], [None])
