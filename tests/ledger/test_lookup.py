from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from entrepot.errors import LedgerError
from entrepot.exchange.records import Entry
from entrepot.ledger.checks import sample_entry
from entrepot.ledger.frames import frame
from entrepot.ledger.ingest import Ingester
from entrepot.ledger.lookup import find_entry, find_entry_through
from entrepot.ledger.place import LedgerPlace
from entrepot.ledger.spool import SpoolWriter, spool_folder
from entrepot.ledger.sqlite import SqliteStore, ledger_path, open_sqlite


def test_an_entry_is_found_as_soon_as_it_was_appended_before_there_is_a_ledger(tmp_path: Path) -> None:
    with SpoolWriter(tmp_path, "gateway-0") as spool:
        for number in range(3):
            spool.append(sample_entry(number))
        assert find_entry(tmp_path, sample_entry(1).id) == sample_entry(1)
    assert not ledger_path(tmp_path).exists()


def test_an_entry_is_found_before_and_after_it_was_ingested(tmp_path: Path) -> None:
    with open_sqlite(tmp_path) as store, SpoolWriter(tmp_path, "gateway-0") as spool:
        spool.append(sample_entry(0))
        Ingester(store, tmp_path).run_once()
        spool.append(sample_entry(1))
        assert [find_entry(tmp_path, sample_entry(n).id) for n in (0, 1, 2)] == [sample_entry(0), sample_entry(1), None]


def test_an_id_that_another_entry_mentions_is_not_its_id(tmp_path: Path) -> None:
    mention = msgspec.structs.replace(sample_entry(0), asked_model=sample_entry(1).id)
    with SpoolWriter(tmp_path, "gateway-0") as spool:
        spool.append(mention)
        assert find_entry(tmp_path, sample_entry(1).id) is None
        spool.append(sample_entry(1))
        assert find_entry(tmp_path, sample_entry(1).id) == sample_entry(1)


def test_nothing_is_found_where_nothing_is(tmp_path: Path) -> None:
    assert find_entry(tmp_path / "nowhere", sample_entry(0).id) is None


def test_a_record_that_is_no_entry_hides_none(tmp_path: Path) -> None:
    wanted = sample_entry(0)
    spool_folder(tmp_path).mkdir()
    strange = frame(msgspec.msgpack.encode([wanted.id]))
    (spool_folder(tmp_path) / "a.spool").write_bytes(strange + frame(msgspec.msgpack.encode(wanted)))
    assert find_entry(tmp_path, wanted.id) == wanted


class _Overtaken(SqliteStore):
    """An ingester takes the entry out of the spool just after the ledger was asked for it."""

    def find(self, entry_id: str) -> Entry | None:
        found = super().find(entry_id)
        Ingester(self, self._path.parent).run_once()
        return found


def test_an_entry_ingested_while_it_is_looked_for_is_found(tmp_path: Path) -> None:
    with SpoolWriter(tmp_path, "gateway-0") as spool:
        spool.append(sample_entry(0))
    with open_sqlite(tmp_path) as store:
        reader = _Overtaken(store._connection, store._path)
        assert find_entry_through(reader, tmp_path, sample_entry(0).id) == sample_entry(0)


def test_a_spool_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (spool_folder(tmp_path) / "a.spool").mkdir(parents=True)
    with pytest.raises(LedgerError, match=r"a\.spool"):
        find_entry(tmp_path, sample_entry(0).id)


def test_what_is_fresh_is_found_while_the_database_is_away(tmp_path: Path) -> None:
    place = LedgerPlace(tmp_path, f"postgresql:///nowhere?host={tmp_path}")
    with SpoolWriter(tmp_path, "gateway-0") as spool:
        spool.append(sample_entry(0))
    assert find_entry(place, sample_entry(0).id) == sample_entry(0)
    with pytest.raises(LedgerError, match="cannot be used"):
        find_entry(place, sample_entry(1).id)
