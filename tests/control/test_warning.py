from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from entrepot.control.warning import Warner, budget_states
from entrepot.control.webhooks import Outbox
from entrepot.ledger.counters import Counters, Move
from entrepot.ledger.sqlite_counters import open_sqlite_counters
from entrepot.policy.budgets import BudgetBook
from tests.ledger.test_counters import Process
from tests.policy.test_budgets import budget, zone_of

NOW_S = datetime(2026, 11, 22, 12, tzinfo=UTC).timestamp()
ALL, EACH = "budget\tall\t\t2026-11", "budget\teach\tkey=甲\t2026-11"
NANO = 10**9


class Listening(Outbox):
    def __init__(self) -> None:
        super().__init__()
        self.sent: list[tuple[str, Any]] = []

    def put(self, url: str, body: Any) -> None:
        self.sent.append((url, body))


@pytest.fixture
def counters(tmp_path: Path) -> Iterator[Counters]:
    opened = open_sqlite_counters(tmp_path)
    opened.begin("e")
    opened.activate("e", "", {})
    yield opened
    opened.close()


def spend(counters: Counters, account: str, nano_usd: int) -> None:
    process = Process(counters, f"p{nano_usd}{account}")
    process.report(Move(account, "money", None, ((0, nano_usd),)))


def test_every_budget_is_shown_and_of_a_star_whoever_spent(counters: Counters) -> None:
    spend(counters, EACH, 3 * NANO)
    spend(counters, EACH.replace("2026-11", "2026-10"), 9 * NANO)
    book = BudgetBook([budget("all"), budget("each", key="*", kind="soft")], zone_of)
    states = budget_states(book, counters.states(NOW_S), NOW_S)
    assert [(one.budget, one.scope, one.spent_nano_usd, one.left_nano_usd) for one in states] == [
        ("all", "", 0, 10 * NANO),
        ("each", "key=甲", 3 * NANO, 7 * NANO),
    ]


def test_each_share_is_warned_of_once(counters: Counters) -> None:
    book = BudgetBook([budget("all", webhook="env:HOOK", warn_at=(0.95, 0.5))], zone_of)
    outbox = Listening()
    warner = Warner(counters, outbox, lambda reference: f"https://{reference}.example")
    spend(counters, ALL, 4 * NANO)
    warner.run_once(book, NOW_S)
    assert outbox.sent == []
    spend(counters, ALL, 2 * NANO)
    for one in (warner, warner, Warner(counters, outbox, str)):
        one.run_once(book, NOW_S)
    ((url, body),) = outbox.sent
    assert url == "https://env:HOOK.example"
    assert body == {
        "type": "budget.warning",
        "id": "all//2026-11/0.5",
        "budget": "all",
        "scope": "",
        "period": "2026-11",
        "kind": "hard",
        "share": 0.5,
        "amount_usd": "10.000000000",
        "spent_usd": "6.000000000",
        "at": "2026-11-22T12:00:00+00:00",
    }
    spend(counters, ALL, 5 * NANO)
    warner.run_once(book, NOW_S)
    assert [body["share"] for _, body in outbox.sent] == [0.5, 0.95]


def test_a_budget_without_a_webhook_is_warned_of_in_the_log(
    counters: Counters, caplog: pytest.LogCaptureFixture
) -> None:
    spend(counters, ALL, 9 * NANO)
    Warner(counters, Listening(), str).run_once(BudgetBook([budget("all")], zone_of), NOW_S)
    assert "budget 'all'" in caplog.text
