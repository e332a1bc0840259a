"""Drift watched over a ledger: what stands, and who is told."""

from __future__ import annotations

import contextlib
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec

from entrepot.catalog.price import Price, PriceChange
from entrepot.catalog.pricing import ExchangeRates
from entrepot.control.drifting import Drifting, prices_at
from entrepot.control.webhooks import Outbox
from entrepot.exchange.records import Grounds
from entrepot.learning.drift_watch import REFERENCE, WEEK_S
from entrepot.learning.promises import Promises, Standing, write_promises
from entrepot.learning.status import Reference
from entrepot.ledger.checks import sample_entry
from entrepot.ledger.sqlite import SqliteStore, open_sqlite
from entrepot.settings.schema import GatewaySettings, LearningSettings, LedgerSettings, Settings
from tests.exchange.things import a_deployment

PRICE = Price(input_per_mtok=Decimal(2), output_per_mtok=Decimal(8), source="s", as_of="2026-11-01")


class Told(Outbox):
    """Keeps what it is to send."""

    def __init__(self) -> None:
        super().__init__()
        self.sent: list[tuple[str, Any]] = []

    def put(self, url: str, body: Any) -> None:
        self.sent.append((url, body))


def settings_in(directory: Path, price: Price = PRICE) -> Settings:
    return Settings(
        gateway=GatewaySettings(port=0),
        ledger=LedgerSettings(str(directory)),
        deployments=(a_deployment("host/m", price=price),),
        routes=(),
        exchange_rates=ExchangeRates(Decimal("0.14"), "2026-11-01", "test"),
        learning=LearningSettings(webhook="env:HOOK"),
    )


def fill(store: SqliteStore, first: int, count: int, ease: int) -> None:
    grounds = Grounds(100, traits=(0, 0, ease))
    entries = [sample_entry(number) for number in range(first, first + count)]
    store.insert([msgspec.structs.replace(one, grounds=grounds) for one in entries])


def test_an_alarm_is_told_once_and_stands_until_another_version_is_in_force(tmp_path: Path) -> None:
    with contextlib.closing(open_sqlite(tmp_path)) as store:
        told = Told()
        watching = Drifting(settings_in(tmp_path), store, lambda reference: f"https://x/{reference}", told)
        before = watching.look("v1", (), (Reference(), ()), 1.0)
        assert before[1] == ()
        assert before[0].prices == {"host/m": "0.006"}
        for number in range(15):
            fill(store, 200 * number, 200, 0 if 200 * number < REFERENCE else 3000)
            before = watching.look("v1", (), before, 2.0 + number)
        (alarm,) = before[1]
        assert (alarm.kind, before[0].prompts) == ("prompts", REFERENCE)
        assert "ease +0." in alarm.what
        ((url, body),) = told.sent
        assert url == "https://x/env:HOOK"
        assert (body["type"], body["kind"], body["router"]) == ("router.alarm", "prompts", "v1")
        assert watching.look("v2", (), before, 60.0)[1] == ()


def test_a_price_that_moved_and_a_floor_that_broke_are_alarms(tmp_path: Path) -> None:
    with contextlib.closing(open_sqlite(tmp_path)) as store:
        change = PriceChange(starts_on="1970-01-03", input_per_mtok=Decimal(1), output_per_mtok=Decimal(4))
        settings = settings_in(tmp_path, msgspec.structs.replace(PRICE, changes=(change,)))
        watching = Drifting(settings, store, str, Told())
        before = watching.look("v1", (), (Reference(), ()), 0.0)
        write_promises(tmp_path, Promises({"auto": Standing(None, "", (), "", alarm_at="1970-01-02")}))
        before = watching.look("v1", (), before, 2 * 86_400.0)
        assert [(one.kind, one.at_s) for one in before[1]] == [("promise", 2 * 86_400.0), ("prices", 2 * 86_400.0)]
        assert before[1][1].what == "prices moved since v1 was promoted: host/m -50%"
        later = watching.look("v1", (), before, 2 * 86_400.0 + WEEK_S + 1)
        assert [one.kind for one in later[1]] == ["promise"]


def test_prices_are_told_in_dollars(tmp_path: Path) -> None:
    yuan = msgspec.structs.replace(PRICE, currency="CNY")
    assert Decimal(prices_at(settings_in(tmp_path, yuan), 0.0)["host/m"]) == Decimal("0.006") * Decimal("0.14")
