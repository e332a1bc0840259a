"""Content in an SQLite file of its own, `content.db` beside the ledger, readable by its owner alone.

Rules of this file: what is deleted is overwritten (`secure_delete`), and the write-ahead log, which still holds the pages as they
were, is emptied after it. A reader that is at work keeps the log from being emptied: then that is tried again for a while, and
said. Every sqlite3 error becomes a LedgerError that names the file.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from entrepot.errors import LedgerError
from entrepot.ledger.content.store import Answered, ContentStore, Execute, Parameters
from entrepot.ledger.migrations import applied, migrate

CONTENT_FILE = "content.db"
_BUSY_TIMEOUT_S = 5.0
_SCRUB_TRIES = 20
_SCRUB_PAUSE_S = 0.1


def m0001_content(connection: sqlite3.Connection) -> None:
    """The first schema."""
    connection.execute("""
        CREATE TABLE content (
            id TEXT PRIMARY KEY,
            started_ns INTEGER NOT NULL, day TEXT NOT NULL,
            key TEXT, team TEXT, route TEXT NOT NULL, dialect TEXT NOT NULL,
            keep_until_s INTEGER NOT NULL,
            form TEXT NOT NULL, sealed_by TEXT, length INTEGER NOT NULL, body BLOB NOT NULL
        )""")
    connection.execute("CREATE INDEX content_started ON content (started_ns, id)")
    connection.execute("CREATE INDEX content_keep_until ON content (keep_until_s)")
    connection.execute("CREATE INDEX content_key ON content (key)")
    connection.execute("CREATE INDEX content_team ON content (team)")
    connection.execute("""
        CREATE TABLE content_forgotten (
            what TEXT NOT NULL, name TEXT NOT NULL, at_ns INTEGER NOT NULL, PRIMARY KEY (what, name)
        )""")
    connection.execute("""
        CREATE TABLE content_ingested (
            name TEXT PRIMARY KEY,
            "offset" INTEGER NOT NULL, entries INTEGER NOT NULL, damaged INTEGER NOT NULL, damaged_bytes INTEGER NOT NULL
        )""")


MIGRATIONS = (m0001_content,)


class SqliteContent(ContentStore):
    """The content in `directory`; its file is made if it is not there. Raises LedgerError."""

    def __init__(self, directory: str | Path) -> None:
        self._path = Path(directory) / CONTENT_FILE
        super().__init__(str(self._path))
        self._lock = threading.Lock()
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            # Only a file that is not there is opened: to close any descriptor of one that SQLite has open in this process lets
            # go of its locks (sqlite.org/howtocorrupt.html, 2.2).
            os.close(os.open(self._path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
        except FileExistsError:
            pass
        except OSError as error:
            raise LedgerError(f"cannot make {self._path}: {error.strerror}") from error
        with self._as_ledger_error():
            self._connection = sqlite3.connect(
                self._path, isolation_level=None, check_same_thread=False, timeout=_BUSY_TIMEOUT_S
            )
            try:
                self._open()
            except BaseException:
                self._connection.close()
                raise

    def _open(self) -> None:
        execute = self._connection.execute
        execute("PRAGMA journal_mode = WAL").fetchone()
        execute("PRAGMA synchronous = FULL")
        execute("PRAGMA secure_delete = ON").fetchone()
        execute("PRAGMA temp_store = MEMORY")
        if applied(self._connection) > len(MIGRATIONS):
            raise LedgerError(f"{self._path} was written by a newer version of Entrepôt; upgrade this one")
        execute("BEGIN IMMEDIATE")
        migrate(self._connection, MIGRATIONS)
        execute("COMMIT")

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._connection.close()

    @contextlib.contextmanager
    def _writing(self) -> Iterator[Execute]:
        with self._lock, self._as_ledger_error():
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._execute
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise

    @contextlib.contextmanager
    def _reading(self) -> Iterator[Execute]:
        with self._lock, self._as_ledger_error():
            yield self._execute

    def _execute(self, statement: str, parameters: Parameters) -> Answered:
        return self._connection.execute(statement, parameters)

    def _scrub(self) -> None:
        for _ in range(_SCRUB_TRIES):
            with self._lock, self._as_ledger_error():
                (busy, *_rest) = self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            if not busy:
                return
            time.sleep(_SCRUB_PAUSE_S)
        raise LedgerError(
            f"what was deleted may still be read in {self._path}-wal, because somebody reads {self._path}: "
            "close what reads it, and run the command again"
        )

    @contextlib.contextmanager
    def _as_ledger_error(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise LedgerError(f"the kept content {self._path} cannot be used: {error}") from error
