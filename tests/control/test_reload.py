from __future__ import annotations

import asyncio
import contextlib
import logging
import os
from pathlib import Path

import pytest

from entrepot.control import keys
from entrepot.control.objects import Snapshot
from entrepot.control.place import ControlPlace
from entrepot.control.reload import Watch, follow
from entrepot.control.sqlite import control_path
from entrepot.control.store import ControlStore
from entrepot.errors import ControlError
from tests.control.books import a_key, a_store, at
from tests.postgres_server import PostgresServer


def test_a_look_finds_what_is_new_and_nothing_otherwise(store: ControlStore, place: ControlPlace) -> None:
    watch = Watch(place)
    assert watch.look() == Snapshot()
    assert watch.look() is None
    key, _ = a_key(store)
    found = watch.look()
    assert found is not None
    assert found.keys == (key,)
    assert watch.look() is None
    watch.close()


def test_a_store_that_was_put_in_the_place_of_another_is_seen(tmp_path: Path) -> None:
    with a_store(tmp_path):
        watch = Watch(ControlPlace(tmp_path))
        watch.look()
    with a_store(tmp_path / "backup") as other:
        a_key(other, "from the backup")
    for path in tmp_path.glob("control.sqlite-*"):
        path.unlink()
    control_path(tmp_path / "backup").replace(control_path(tmp_path))
    found = watch.look()
    assert found is not None
    assert [key.name for key in found.keys] == ["from the backup"]
    watch.close()


def test_what_cannot_be_read_is_an_error_and_is_looked_at_again(tmp_path: Path) -> None:
    path = control_path(tmp_path)
    with a_store(tmp_path):
        watch = Watch(ControlPlace(tmp_path))
        watch.look()
        path.rename(tmp_path / "away")
        for look in (watch.look, watch.begin):
            with pytest.raises(ControlError, match=r"control\.sqlite"):
                look()
        (tmp_path / "away").rename(path)
        assert watch.look() == Snapshot()
    watch.close()


def test_while_a_database_is_away_what_was_known_last_is_begun_with(tmp_path: Path) -> None:
    with PostgresServer() as server:
        place = ControlPlace(tmp_path, server.make_database())
        with place.open_store() as store:
            key, _ = a_key(store)
            elsewhere = Watch(place)
            elsewhere.look()
            server.stop()
            for watch in (elsewhere, Watch(place)):
                with pytest.raises(ControlError, match="cannot be used"):
                    watch.look()
                assert watch.begin().keys == (key,)
            with pytest.raises(ControlError, match="cannot be used"):
                Watch(ControlPlace(tmp_path / "new machine", server.url("ledger"))).begin()
            server.start()
            found = elsewhere.look()
            assert found is not None
            assert found.keys == (key,)
            assert elsewhere.look() is None
            elsewhere.close()


async def until(adopted: list[Snapshot], count: int) -> None:
    while len(adopted) < count:
        await asyncio.sleep(0.005)


async def test_what_is_found_is_adopted_until_cancelled(store: ControlStore, place: ControlPlace) -> None:
    adopted: list[Snapshot] = []
    watch = Watch(place)
    following = asyncio.create_task(follow(watch, adopted.append, interval_s=0.005))
    await until(adopted, 1)
    a_key(store)
    await until(adopted, 2)
    assert [len(snapshot.keys) for snapshot in adopted] == [0, 1]
    following.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await following
    watch.close()


async def test_a_state_that_could_not_be_adopted_is_tried_again_and_told_once(
    store: ControlStore, place: ControlPlace, caplog: pytest.LogCaptureFixture
) -> None:
    seen: list[Snapshot] = []

    def adopt(snapshot: Snapshot) -> None:
        seen.append(snapshot)
        if len(seen) < 4:
            raise ControlError("not now")

    watch = Watch(place)
    with caplog.at_level(logging.ERROR, "entrepot.control"):
        following = asyncio.create_task(follow(watch, adopt, interval_s=0.005))
        await until(seen, 4)
        with at(store) as book:
            keys.make(book, keys.NewKey("web"), os.urandom(32))
        await until(seen, 5)
    assert [record.getMessage() for record in caplog.records] == ["what was read before stays in force: not now"]
    following.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await following
    watch.close()
