"""How long content is kept, and what the control process does about it."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import msgspec
import pytest

from entrepot.control.content import build_keeper, content_duties, drop_old_content, kept_days
from entrepot.errors import SettingsError
from entrepot.exchange.plan import Route
from entrepot.ledger.content.spool import ContentSpool
from entrepot.ledger.place import LedgerPlace
from entrepot.server.content import KEEP_NOTHING
from entrepot.settings.schema import ContentSettings, LedgerSettings, Settings
from tests.ledger.content.samples import kept
from tests.settings.toml import ONE_DEPLOYMENT, load

DAY_NS = 86_400 * 1_000_000_000


def settings_in(directory: Path, **changes: object) -> Settings:
    settings = load(directory, ONE_DEPLOYMENT)
    return msgspec.structs.replace(settings, ledger=LedgerSettings(str(directory)), **changes)


@pytest.mark.parametrize(("content", "ledger", "days"), [(30, None, 30), (30, 7, 7), (5, 7, 5)])
def test_content_is_never_kept_longer_than_its_entries(
    tmp_path: Path, content: int, ledger: int | None, days: int
) -> None:
    settings = settings_in(tmp_path, content=ContentSettings(content))
    kept_by = msgspec.structs.replace(settings.ledger, keep_days=ledger)
    assert kept_days(msgspec.structs.replace(settings, ledger=kept_by)) == days


def test_what_is_too_old_is_dropped_and_where_there_is_nothing_no_store_is_made(tmp_path: Path) -> None:
    place = LedgerPlace(tmp_path)
    assert drop_old_content(place, 3) == 0
    assert list(tmp_path.iterdir()) == []
    now_ns = time.time_ns()
    fresh, old = (
        msgspec.structs.replace(kept(number), started_ns=now_ns - days * DAY_NS, keep_until_s=now_ns // 10**9 + 9)
        for number, days in ((1, 1), (2, 4))
    )
    over = msgspec.structs.replace(kept(3), started_ns=now_ns, keep_until_s=now_ns // 10**9 - 9)
    with place.open_content() as store:
        store.insert([fresh, old, over])
    assert drop_old_content(place, 3) == 2
    with place.open_content() as store:
        assert [record.id for record in store.each()] == [fresh.id]


def test_duties_bring_content_in_and_drop_it_until_told_to_stop(tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    spool = ContentSpool(tmp_path, "gateway-0")
    recent = msgspec.structs.replace(kept(1), started_ns=time.time_ns(), keep_until_s=int(time.time()) + 99)
    spool.append(recent)
    spool.close()

    async def run() -> None:
        stop = asyncio.Event()
        duties = [asyncio.ensure_future(duty) for duty in content_duties(settings, {}, stop)]
        stop.set()
        await asyncio.gather(*duties)

    asyncio.run(run())
    with LedgerPlace(tmp_path).open_content() as store:
        assert store.find(recent.id) is not None


def test_without_a_route_that_keeps_anything_there_is_no_keeper_of_ones_own(tmp_path: Path) -> None:
    assert build_keeper(settings_in(tmp_path), {}, "gateway-0", None) is KEEP_NOTHING


def test_a_key_that_is_not_there_keeps_a_gateway_from_starting(tmp_path: Path) -> None:
    route = Route("auto", ("deepseek/deepseek-v4.1-flash",), store_content=True)
    settings = settings_in(tmp_path, routes=(route,), content=ContentSettings(encrypt_with="env:CONTENT_KEY"))
    with pytest.raises(SettingsError, match="env:CONTENT_KEY"):
        build_keeper(settings, {}, "gateway-0", None)
