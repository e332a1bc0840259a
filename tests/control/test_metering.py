from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from entrepot.control.metering import read_budget, read_budgets
from entrepot.errors import InvalidRequest
from entrepot.policy.budgets import Budget


def test_a_budget_of_the_admin_api_is_that_of_the_settings() -> None:
    document: dict[str, Any] = {
        "amount_usd": 12.5,
        "period": "day",
        "team": "研发",
        "warn_at": [0.5],
        "timezone": "Asia/Shanghai",
    }
    assert read_budget("b", document) == Budget(
        "b", Decimal("12.5"), "day", team="研发", warn_at=(0.5,), timezone="Asia/Shanghai"
    )
    assert read_budget("b", {"amount_usd": "0.000000001"}).amount_nano_usd == 1


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ({}, "amount_usd"),
        ({"amount_usd": -1}, "amount_usd"),
        ({"amount_usd": 1, "limit": 3}, "limit"),
        ({"amount_usd": 1, "period": "year"}, "period"),
        ({"amount_usd": 1, "timezone": "Mars/Olympus"}, "timezone"),
        ({"amount_usd": 1, "webhook": "env:PATH"}, "webhook"),
        ({"amount_usd": 1, "webhook": "file:/etc/passwd"}, "webhook"),
        ({"amount_usd": 1, "webhook": "http://"}, "webhook"),
        ({"amount_usd": 1, "webhook": "https://:443/x"}, "webhook"),
        ({"amount_usd": 1, "webhook": "https://a.example:99999/x"}, "webhook"),
        ({"amount_usd": 1, "webhook": "https://[::1/x"}, "webhook"),
        ({"amount_usd": 1, "webhook": "https://user:pw@a.example/x"}, "webhook"),
        ({"amount_usd": 1, "webhook": "https://a.example/x y"}, "webhook"),
        ({"amount_usd": 1, "webhook": "https://a.example/x\r\nhost: b"}, "webhook"),
        ({"amount_usd": 1, "webhook": "https://a.example\\@b.example/"}, "webhook"),
        ({"amount_usd": 1, "webhook": "https://a.example/" + "x" * 2000}, "webhook"),
    ],
)
def test_what_is_no_budget_is_told_by_its_field(document: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidRequest, match=said):
        read_budget("b", document)


def test_the_files_budget_counts_where_both_have_one_and_what_cannot_be_read_is_told(
    caplog: pytest.LogCaptureFixture,
) -> None:
    written = Budget("a", Decimal(1))
    kept = read_budgets([("a", {"amount_usd": 5}), ("b", {"amount_usd": 5}), ("坏", {"amount": 5})], [written])
    assert [budget.name for budget in kept] == ["b"]
    assert "坏" in caplog.text
