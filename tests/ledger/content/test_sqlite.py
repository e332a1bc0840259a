"""What was erased is in no file of SQLite's any more; the file is its owner's alone."""

from __future__ import annotations

import contextlib
import sqlite3
import stat
from pathlib import Path

import pytest

from entrepot.errors import LedgerError
from entrepot.ledger.content import sqlite as module
from entrepot.ledger.content.sqlite import CONTENT_FILE, SqliteContent
from tests.ledger.content.samples import BEGAN_NS, SECOND_NS, kept

LATER_NS = BEGAN_NS + 10_000 * SECOND_NS


def files_with(directory: Path, words: bytes) -> list[str]:
    """The files below the directory that hold these words."""
    return sorted(path.name for path in directory.rglob("*") if path.is_file() and words in path.read_bytes())


def test_erased_words_are_in_no_file(tmp_path: Path) -> None:
    with SqliteContent(tmp_path) as store:
        store.insert(
            [kept(number, f"zebra {number} " * 2000, key="alice" if number % 2 else "bob") for number in range(40)]
        )
        assert files_with(tmp_path, b"zebra 1 ")
        store.forget("key", "alice", LATER_NS)
        assert files_with(tmp_path, b"zebra 1 ") == []
        assert files_with(tmp_path, b"zebra 2 ") == [CONTENT_FILE]
        store.forget("id", "exchange-0002", LATER_NS)
        assert files_with(tmp_path, b"zebra 2 ") == []
        store.drop(0, LATER_NS)
        assert files_with(tmp_path, b"zebra") == []


def test_a_reader_that_holds_the_log_is_told_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_SCRUB_PAUSE_S", 0.0)
    monkeypatch.setattr(module, "_BUSY_TIMEOUT_S", 0.0)
    with SqliteContent(tmp_path) as store:
        store.insert([kept(1, "zebra")])
        with contextlib.closing(sqlite3.connect(tmp_path / CONTENT_FILE, isolation_level=None)) as reader:
            reader.execute("BEGIN")
            assert reader.execute("SELECT count(*) FROM content").fetchone() == (1,)
            with pytest.raises(LedgerError, match=r"may still be read in .*content\.db-wal.* run the command again"):
                store.forget("key", "alice", LATER_NS)
            reader.execute("COMMIT")
        store.forget("key", "alice", LATER_NS)
        assert files_with(tmp_path, b"zebra") == []


def test_its_owner_alone_may_read_it(tmp_path: Path) -> None:
    SqliteContent(tmp_path).close()
    assert stat.S_IMODE((tmp_path / CONTENT_FILE).stat().st_mode) == 0o600


def test_a_file_of_a_newer_version_or_of_none_is_refused_by_name(tmp_path: Path) -> None:
    SqliteContent(tmp_path).close()
    with contextlib.closing(sqlite3.connect(tmp_path / CONTENT_FILE)) as connection, connection:
        connection.execute("INSERT INTO migrations VALUES (99, 'later')")
    with pytest.raises(LedgerError, match=r"content\.db was written by a newer version"):
        SqliteContent(tmp_path)
    other = tmp_path / "other"
    other.mkdir()
    (other / CONTENT_FILE).write_bytes(b"no database at all" * 100)
    with pytest.raises(LedgerError, match=r"content\.db cannot be used"):
        SqliteContent(other)
