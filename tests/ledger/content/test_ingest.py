"""From a spool into the store, once, with nothing left behind; what cannot be read is kept, what is damaged is skipped."""

from __future__ import annotations

import asyncio
import logging
import stat
from pathlib import Path

import msgspec
import pytest

from entrepot.errors import LedgerError
from entrepot.ledger.content.answer import open_content
from entrepot.ledger.content.ingest import ContentIngester
from entrepot.ledger.content.record import Kept
from entrepot.ledger.content.seal import Seals, make_key, read_key
from entrepot.ledger.content.spool import CONTENT_SPOOL_FOLDER, ContentSpool, list_content_spools
from entrepot.ledger.content.sqlite import SqliteContent
from entrepot.ledger.content.store import ContentStore
from entrepot.ledger.frames import frame
from entrepot.ledger.place import LedgerPlace
from tests.ledger.content.samples import OPEN, kept
from tests.ledger.content.test_sqlite import files_with


def ingester(place: LedgerPlace, seals: Seals | None = OPEN) -> ContentIngester:
    return ContentIngester(place.open_content, place.directory, seals)


def ingest(place: LedgerPlace) -> int:
    """What another process that ingests would."""
    with ingester(place) as ingesting:
        return ingesting.run_once()


def found(place: LedgerPlace) -> list[Kept]:
    with place.open_content() as store:
        return list(store.each())


def test_what_is_spooled_arrives_read_and_once(place: LedgerPlace) -> None:
    spool, ingesting = ContentSpool(place.directory, "gateway-0"), ingester(place)
    for number in range(3):
        spool.append(kept(number, f"zebra {number}"))
    assert ingesting.run_once() == 3
    assert ingesting.run_once() == 0
    spool.append(kept(3, "zebra 3"))
    assert (ingesting.run_once(), ingest(place)) == (1, 0)
    ingesting.close()
    records = found(place)
    assert [record.form for record in records] == ["said"] * 4
    said = open_content(records[3], OPEN)
    assert said is not None
    assert said.request.messages[0].text() == "zebra 3"
    spool.close()


def test_an_open_spool_holds_no_word_that_was_ingested_and_a_finished_one_is_deleted(tmp_path: Path) -> None:
    place, spool = LedgerPlace(tmp_path), ContentSpool(tmp_path, "gateway-0")
    ingesting = ingester(place)
    spool.append(kept(1, "zebra"))
    (file,) = list_content_spools(tmp_path)
    assert b"zebra" in file.read_bytes()
    ingesting.run_once()
    assert b"zebra" not in file.read_bytes()
    spool.append(kept(2, "giraffe"))
    spool.close()
    assert ingesting.run_once() == 1
    assert list_content_spools(tmp_path) == []
    ingesting.close()


def test_what_was_ingested_by_a_process_that_died_before_blanking_is_blanked_by_the_next(tmp_path: Path) -> None:
    place, spool = LedgerPlace(tmp_path), ContentSpool(tmp_path, "gateway-0")
    spool.append(kept(1, "zebra"))
    (file,) = list_content_spools(tmp_path)
    before = file.read_bytes()
    first = ingester(place)
    first.run_once()
    first.close()
    with file.open("r+b") as opened:  # as though the first had died between its commit and the blanking
        opened.write(before)
    again = ingester(place)
    assert again.run_once() == 0
    assert b"zebra" not in file.read_bytes()
    again.close()
    spool.close()


def test_the_spool_is_its_owners_alone(tmp_path: Path) -> None:
    spool = ContentSpool(tmp_path, "gateway-0")
    assert not (tmp_path / CONTENT_SPOOL_FOLDER).exists()
    spool.append(kept(1))
    (file,) = list_content_spools(tmp_path)
    modes = [stat.S_IMODE(path.stat().st_mode) for path in (file.parent, file)]
    assert modes == [0o700, 0o600]
    spool.close()


def test_what_was_forgotten_while_it_lay_in_the_spool_does_not_arrive(place: LedgerPlace) -> None:
    spool = ContentSpool(place.directory, "gateway-0")
    spool.append(kept(1, "zebra"))
    with place.open_content() as store:
        store.forget("key", "alice", kept(2).started_ns)
    assert ingest(place) == 0
    assert found(place) == []
    assert files_with(place.directory, b"zebra") == []
    spool.close()


def test_what_another_process_was_faster_with_is_no_damage(
    place: LedgerPlace, caplog: pytest.LogCaptureFixture
) -> None:
    spool, ingesting = ContentSpool(place.directory, "gateway-0"), ingester(place)
    spool.append(kept(1))
    assert ingesting.run_once() == 1
    spool.append(kept(2))
    assert ingest(place) == 1  # and what it brought in is blanked
    spool.append(kept(3))
    with caplog.at_level(logging.ERROR):
        with pytest.raises(LedgerError, match="by another process meanwhile"):
            ingesting.run_once()
        assert ingesting.run_once() == 1
    assert caplog.text == ""
    ingesting.close()
    assert [record.id for record in found(place)] == ["exchange-0001", "exchange-0002", "exchange-0003"]
    spool.close()


def test_damage_is_told_of_and_what_follows_arrives(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    place, spool = LedgerPlace(tmp_path), ContentSpool(tmp_path, "gateway-0")
    for number in range(3):
        spool.append(kept(number))
    spool.close()
    (file,) = list_content_spools(tmp_path)
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 0xFF
    file.write_bytes(data)
    with caplog.at_level(logging.ERROR):
        assert ingest(place) == 2
    assert "unreadable bytes" in caplog.text
    assert [record.id for record in found(place)] == ["exchange-0000", "exchange-0002"]


def test_a_record_of_another_kind_is_skipped(tmp_path: Path) -> None:
    place, spool = LedgerPlace(tmp_path), ContentSpool(tmp_path, "gateway-0")
    spool.append(kept(1))
    (file,) = list_content_spools(tmp_path)
    with file.open("ab") as opened:
        opened.write(frame(msgspec.msgpack.encode({"another": "kind"})))
    spool.append(kept(2))
    assert ingest(place) == 2
    with place.open_content() as store:
        assert store.spool_progress()[file.name].damaged == 1
    spool.close()


def test_without_its_key_it_is_stored_as_it_was_sent_and_read_once_the_key_is_there(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    place, key = LedgerPlace(tmp_path), read_key(make_key(), "env:KEY")
    spool = ContentSpool(tmp_path, "gateway-0")
    for number in range(2):
        spool.append(kept(number, "zebra", seals=Seals(key)))
    spool.close()
    with caplog.at_level(logging.ERROR):
        assert ingest(place) == 2
    assert caplog.text.count("kept as it was sent") == 1  # told once
    record = found(place)[0]
    assert record.form == "sent"
    with pytest.raises(LedgerError, match="names another"):
        open_content(record, OPEN)
    said = open_content(record, Seals(key))
    assert said is not None
    assert said.request.messages[0].text() == "zebra"


def test_where_nothing_is_spooled_no_store_is_made(tmp_path: Path) -> None:
    assert ingest(LedgerPlace(tmp_path)) == 0
    assert list(tmp_path.iterdir()) == []


def test_it_follows_spools_until_told_to_stop_and_then_once_more(tmp_path: Path) -> None:
    place, spool = LedgerPlace(tmp_path), ContentSpool(tmp_path, "gateway-0")
    ingesting = ingester(place)

    async def run() -> None:
        stop = asyncio.Event()
        stop.set()
        spool.append(kept(1))
        await ingesting.follow(stop)

    asyncio.run(run())
    ingesting.close()
    spool.close()
    assert [record.id for record in found(place)] == ["exchange-0001"]


def test_a_store_that_takes_nothing_is_told_of_and_tried_again(tmp_path: Path) -> None:
    spool, broken = ContentSpool(tmp_path, "gateway-0"), [True]
    spool.append(kept(1))

    def open_store() -> ContentStore:
        if broken[0]:
            raise LedgerError("the store is away")
        return SqliteContent(tmp_path)

    ingesting = ContentIngester(open_store, tmp_path, OPEN)
    with pytest.raises(LedgerError, match="away"):
        ingesting.run_once()
    told = [ingesting.trouble]
    broken[0] = False
    assert ingesting.run_once() == 1
    assert [*told, ingesting.trouble] == ["the store is away", None]
    ingesting.close()
    spool.close()
