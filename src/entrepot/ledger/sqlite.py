"""The ledger in one SQLite file: one writer at a time, any number of readers beside it.

Rules of this file: write-ahead logging with `synchronous = FULL`, one sync a batch: a spool is deleted on the strength of a
commit, so a commit must survive the machine (`NORMAL` would let a power cut take the last ones back). Readers open the
file read-only. Every sqlite3 error becomes a LedgerError that names the file. A writer whose file could not be written, or is
no longer the one at its path, opens it anew before it writes again: what was opened read-only stays so.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import msgspec

from entrepot.errors import LedgerError
from entrepot.exchange.outcome import Outcome
from entrepot.ledger.additions import additions
from entrepot.ledger.documents import Document
from entrepot.ledger.erasures import DROP_NOTED, Asked, Erasures, remember
from entrepot.ledger.migrations import MIGRATIONS, applied, migrate, refresh_rollups
from entrepot.ledger.outcomes import DROP_OUTCOMES, FORGET_OUTCOMES, INSERT_OUTCOME, OUTCOMES_OF, outcome_row
from entrepot.ledger.reading import RelationalReader, RelationalStore
from entrepot.ledger.rollups import add_onto, each_table, forget_statements, remake_statements
from entrepot.ledger.rows import ATTEMPT_COLUMNS, ENTRY_COLUMNS, SERVED_COLUMNS, Value, rows_of
from entrepot.ledger.sources import beginning_of
from entrepot.ledger.store import Principal, SpoolProgress
from entrepot.ledger.verify import Verified, verify

LEDGER_FILE = "ledger.db"


def ledger_path(directory: str | Path) -> Path:
    """The SQLite file of the ledger in `directory`."""
    return Path(directory) / LEDGER_FILE


class SqliteReader(RelationalReader):
    """Reads a ledger in a file."""

    def __init__(self, connection: sqlite3.Connection, path: Path) -> None:
        super().__init__(str(path))
        self._connection = connection
        self._path = path
        self._lock = threading.Lock()

    def verify(self) -> Verified:
        """See RelationalReader."""
        with self._lock, _as_ledger_error(self._path):
            return verify(self._connection.execute)

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._connection.close()

    def _query(self, statement: str, parameters: Sequence[Value] = ()) -> list[Any]:
        with self._lock, _as_ledger_error(self._path):
            return self._connection.execute(statement, parameters).fetchall()


class SqliteStore(SqliteReader, RelationalStore):
    """Reads and writes a ledger."""

    def __init__(self, connection: sqlite3.Connection, path: Path) -> None:
        super().__init__(connection, path)
        self._served: dict[tuple[Value, ...], int] = {}
        self._file = _identity(path)
        self._is_worn = False

    def insert_documents(
        self,
        documents: Sequence[Document],
        outcomes: Sequence[Outcome] = (),
        *,
        before: SpoolProgress | None = None,
        after: SpoolProgress | None = None,
    ) -> int:
        """See LedgerStore."""
        with self._lock, _as_ledger_error(self._path):
            try:
                with self._transaction():
                    if after is not None:
                        self._move(before, after)
                    erasures = Erasures(self._ask)
                    if gone := erasures.turn_away(map(_asked, documents)):
                        documents = [document for document in documents if document.entry.id not in gone]
                    count = self._insert_new(documents)
                    self._connection.executemany(INSERT_OUTCOME, map(outcome_row, erasures.spare(outcomes)))
            except BaseException:
                self._served.clear()  # it may name rows that are taken back
                raise
        return count

    def rebuild_rollups(self) -> None:
        """See RelationalStore."""
        with self._lock, _as_ledger_error(self._path), self._transaction():
            self._remake(f"day >= '{self._kept_since()}'")

    def drop_before(self, day: str) -> int:
        """See RelationalStore. A few thousand at a time, so that ingestion goes on between."""
        count = 0
        while True:
            with self._lock, _as_ledger_error(self._path), self._transaction():
                execute = self._connection.execute
                execute("UPDATE kept SET since_day = max(since_day, ?)", (day,))
                found = execute(
                    "SELECT seq FROM entries INDEXED BY entries_started WHERE started_ns < ? ORDER BY started_ns LIMIT ?",
                    (beginning_of(day), _DROPPED_AT_ONCE),
                ).fetchall()
                self._drop([seq for (seq,) in found])
                for statement in (DROP_OUTCOMES, DROP_NOTED):
                    execute(statement, (beginning_of(day),))
            count += len(found)
            if len(found) < _DROPPED_AT_ONCE:
                return count

    def forget(self, principal: Principal, name: str, now_ns: int) -> int:
        """See RelationalStore."""
        with self._lock, _as_ledger_error(self._path), self._transaction():
            remember(self._ask, principal, name, now_ns)
            since_day = self._kept_since()
            found = self._connection.execute(
                f"SELECT seq, day FROM entries WHERE {principal} = ?",  # noqa: S608 - one of two words
                (name,),
            ).fetchall()
            self._connection.execute(FORGET_OUTCOMES[principal], (name,) * FORGET_OUTCOMES[principal].count("?"))
            self._drop([seq for seq, _ in found])
            for statement in forget_statements(principal):
                self._connection.execute(statement, (name, since_day))
            days = sorted({day for _, day in found if day >= since_day})
            if days:
                self._remake(f"day IN ({', '.join(repr(day) for day in days)})")
        return len(found)

    def _query(self, statement: str, parameters: Sequence[Value] = ()) -> list[Any]:
        with self._lock, _as_ledger_error(self._path):
            self._renew()
            return self._connection.execute(statement, parameters).fetchall()

    def _ask(self, statement: str, parameters: Sequence[Value]) -> list[Any]:
        """Inside a transaction."""
        return self._connection.execute(statement, parameters).fetchall()

    def _renew(self) -> None:
        """Open the file anew where what is open is of no use any more."""
        if not self._is_worn and _identity(self._path) == self._file:
            return
        self._is_worn = True
        self._served.clear()
        self._connection.close()  # first: it would take the new file's log for its own
        self._connection = _open(self._path)
        self._file = _identity(self._path)
        self._is_worn = False

    def _kept_since(self) -> str:
        (since_day,) = self._connection.execute("SELECT since_day FROM kept").fetchone()
        return str(since_day)

    def _remake(self, days: str) -> None:
        for statement in remake_statements(days):
            self._connection.execute(statement)

    def _drop(self, numbers: Sequence[int]) -> None:
        self._connection.execute(
            "UPDATE kept SET last_seq = max(last_seq, (SELECT coalesce(max(seq), 0) FROM entries))"
        )
        self._connection.executemany(OUTCOMES_OF.format("seq = ?"), ((seq,) for seq in numbers))
        for table in ("attempts", "documents", "entries"):
            self._connection.executemany(f"DELETE FROM {table} WHERE seq = ?", ((seq,) for seq in numbers))  # noqa: S608 - a closed list

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._renew()
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            yield
            self._connection.execute("COMMIT")
        except BaseException as error:
            if getattr(error, "sqlite_errorcode", 0) & 0xFF in _WEARING:
                self._is_worn = True
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            raise

    def _move(self, before: SpoolProgress | None, after: SpoolProgress) -> None:
        start = 0 if before is None else before.offset
        found = self._connection.execute("SELECT offset FROM ingested WHERE name = ?", (after.name,)).fetchone()
        if (found[0] if found else 0) != start:
            raise LedgerError(f"the spool {after.name} was ingested by another process meanwhile; try again")
        self._connection.execute(
            "INSERT OR REPLACE INTO ingested (name, offset, entries, damaged, damaged_bytes) VALUES (?, ?, ?, ?, ?)",
            msgspec.structs.astuple(after),
        )

    def _insert_new(self, documents: Sequence[Document]) -> int:
        fresh = self._without_known(documents)
        (last,) = self._connection.execute(
            "SELECT max(last_seq, (SELECT coalesce(max(seq), 0) FROM entries)) FROM kept"
        ).fetchone()
        rows = [rows_of(document.entry) for document in fresh]
        served = [self._intern(row.served) for row in rows]
        numbered = list(enumerate(rows, start=last + 1))
        self._connection.executemany(
            _INSERT_ENTRY, ((seq, facts, *row.entry) for (seq, row), facts in zip(numbered, served, strict=True))
        )
        self._connection.executemany(
            _INSERT_ATTEMPT, ((seq, *attempt) for seq, row in numbered for attempt in row.attempts)
        )
        self._connection.executemany(
            "INSERT INTO documents (seq, document) VALUES (?, ?)",
            ((seq, document.encoded) for seq, document in enumerate(fresh, start=last + 1)),
        )
        for cube, grain, added in additions([row.entry for row in rows], served):
            self._connection.executemany(_ADD_TO_ROLLUPS[cube.name, grain], added)
        return len(fresh)

    def _without_known(self, documents: Sequence[Document]) -> list[Document]:
        by_id: dict[str, Document] = {}
        for document in documents:
            by_id.setdefault(document.entry.id, document)
        ids = msgspec.json.encode(list(by_id)).decode()
        known = self._connection.execute(
            "SELECT id FROM entries WHERE id IN (SELECT value FROM json_each(?))", (ids,)
        ).fetchall()
        for (entry_id,) in known:
            del by_id[entry_id]
        return list(by_id.values())

    def _intern(self, facts: tuple[Value, ...] | None) -> int | None:
        if facts is None:
            return None
        known = self._served.get(facts)
        if known is None:
            row = self._connection.execute(_FIND_SERVED, facts).fetchone()
            known = int(row[0]) if row else int(self._connection.execute(_INSERT_SERVED, facts).lastrowid or 0)
            self._served[facts] = known
        return known


def open_sqlite(directory: str | Path) -> SqliteStore:
    """Open the ledger in `directory` for writing; make it if it is not there, and bring its schema up to date.

    Raises LedgerError if that cannot be done, or if a newer version of Entrepôt wrote it.
    """
    path = ledger_path(directory)
    with _as_ledger_error(path):
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise LedgerError(f"cannot make the ledger's directory {path.parent}: {error.strerror}") from error
        connection = _open(path)
    return SqliteStore(connection, path)


def _open(path: Path) -> sqlite3.Connection:
    connection = _connect(path, "rwc")
    try:
        connection.execute("PRAGMA journal_mode = WAL").fetchone()
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA wal_autocheckpoint = 8000").fetchone()  # 32 MB: a batch is twenty
        _refuse_newer(connection, path)
        connection.execute("BEGIN IMMEDIATE")
        migrate(connection)
        refresh_rollups(connection)
        connection.execute("COMMIT")
    except BaseException:
        connection.close()
        raise
    return connection


def _asked(document: Document) -> Asked:
    entry = document.entry
    of = None if entry.shadow is None else entry.shadow.of
    return Asked(entry.id, entry.started_ns, entry.key, entry.team, of)


def _identity(path: Path) -> tuple[int, int] | None:
    """Which file is at `path`; None if there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def open_sqlite_reader(directory: str | Path) -> SqliteReader:
    """Open the ledger in `directory` read-only. Raises LedgerError if it is not there or not of this version."""
    path = ledger_path(directory)
    if not path.exists():
        raise LedgerError(f"no ledger at {path}; it is made when the gateway records its first exchange")
    with _as_ledger_error(path):
        connection = _connect(path, "ro")
        try:
            _refuse_newer(connection, path)
            _refuse_older(connection, path)
        except BaseException:
            connection.close()
            raise
    return SqliteReader(connection, path)


def _connect(path: Path, mode: str) -> sqlite3.Connection:
    connection = sqlite3.connect(
        f"file:{quote(str(path.absolute()))}?mode={mode}",
        uri=True,
        isolation_level=None,  # transactions are begun and ended by name
        check_same_thread=False,  # guarded by the reader's own lock
        timeout=_BUSY_TIMEOUT_S,
    )
    try:
        connection.execute("PRAGMA cache_size = -16000")  # 16 MB; the rest is the operating system's to cache
    except BaseException:
        connection.close()  # a file that is no database opens, and fails here
        raise
    return connection


def _refuse_newer(connection: sqlite3.Connection, path: Path) -> None:
    if applied(connection) > len(MIGRATIONS):
        raise LedgerError(f"the ledger {path} was written by a newer version of Entrepôt; upgrade this one to read it")


def _refuse_older(connection: sqlite3.Connection, path: Path) -> None:
    if applied(connection) < len(MIGRATIONS):
        raise LedgerError(f"the ledger {path} is of an older version; start `entrepot up` once to bring it up to date")


@contextmanager
def _as_ledger_error(path: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise LedgerError(f"the ledger {path} cannot be used: {error}") from error


def _insert(table: str, columns: tuple[str, ...], verb: str = "INSERT") -> str:
    marks = ", ".join("?" * len(columns))
    names = ", ".join(f'"{name}"' for name in columns)
    return f"{verb} INTO {table} ({names}) VALUES ({marks})"


_BUSY_TIMEOUT_S = 5.0
_WEARING = frozenset({sqlite3.SQLITE_READONLY, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_NOTADB})
"""Primary result codes after which a connection may stay useless although the file is well again."""
_DROPPED_AT_ONCE = 5_000
_ADD_TO_ROLLUPS = {
    (cube.name, grain): f"{_insert(cube.table(grain), (*cube.columns(grain), *cube.measures))} {add_onto(cube, grain)}"
    for cube, grain in each_table()
}
_INSERT_ENTRY = _insert("entries", ("seq", "served", *ENTRY_COLUMNS))
_INSERT_ATTEMPT = _insert("attempts", ("seq", *ATTEMPT_COLUMNS), "INSERT OR REPLACE")
_INSERT_SERVED = _insert("served", SERVED_COLUMNS)
_FIND_SERVED = f"SELECT served FROM served WHERE {' AND '.join(f'{name} IS ?' for name in SERVED_COLUMNS)}"  # noqa: S608 - only constants are put in
