"""The control store: one SQLite file beside the ledger, changed in transactions that leave a trail.

Rules of this file: nothing changes without an entry in the trail, in the same transaction; digests of secrets are left out of
it. Every change raises the version. Writers are the control process and the command line on the same machine, one at a time;
readers see whole transactions only. The file is readable by its owner alone. Every sqlite3 error becomes a ControlError that
names the file.
"""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

import msgspec

from entrepot.control.migrations import MIGRATIONS, migrate
from entrepot.control.objects import SHAPES, Kind, Snapshot
from entrepot.errors import ControlError
from entrepot.ledger.migrations import applied

FILE = "control.sqlite"
_BUSY_TIMEOUT_S = 5.0
_COLUMNS = "seq, at_ns, who, via, action, kind, name, before, after"

S = TypeVar("S", bound=msgspec.Struct)


class Actor(msgspec.Struct, frozen=True):
    """Who changes something, and how they came in: `command line`, `key`, `session`, `oidc` or `start`."""

    who: str
    via: str


_NOBODY = Actor("", "")


class Change(msgspec.Struct, frozen=True):
    """One entry of the trail. `before` and `after` are None where there was nothing, or is nothing any more."""

    seq: int
    at_ns: int
    who: str
    via: str
    action: str
    kind: Kind
    name: str
    before: msgspec.Raw | None
    after: msgspec.Raw | None


class Transaction:
    """The objects as they are within one change."""

    def __init__(self, connection: sqlite3.Connection, actor: Actor, now_ns: int) -> None:
        self._connection = connection
        self._actor = actor
        self._now_ns = now_ns

    @property
    def now_s(self) -> float:
        """When this happens, Unix time."""
        return self._now_ns / 1_000_000_000

    def find(self, shape: type[S], kind: Kind, name: str) -> S | None:
        """The object of this name, None if there is none."""
        row = self._connection.execute("SELECT body FROM objects WHERE kind = ? AND name = ?", (kind, name)).fetchone()
        return None if row is None else msgspec.json.decode(row[0], type=shape)

    def snapshot(self) -> Snapshot:
        """All objects."""
        return _read(self._connection)

    def was_ever(self, kind: Kind, name: str | None = None) -> bool:
        """Whether something of this name, or of any, was there once, or is."""
        found = self._connection.execute(
            "SELECT 1 FROM changes WHERE kind = ? AND name = coalesce(?, name)", (kind, name)
        ).fetchone()
        return found is not None

    def put(self, kind: Kind, name: str, value: msgspec.Struct, action: str) -> None:
        """Keep `value` under this name, in place of what was there. What is as it was is no change."""
        before = self._find_body(kind, name)
        after = msgspec.json.encode(value).decode()
        if after != before:
            self._connection.execute("INSERT OR REPLACE INTO objects VALUES (?, ?, ?)", (kind, name, after))
            self._write_down(action, kind, name, before, after)

    def remove(self, kind: Kind, name: str, action: str = "delete") -> bool:
        """Keep nothing under this name. Whether there was something."""
        before = self._find_body(kind, name)
        if before is not None:
            self._connection.execute("DELETE FROM objects WHERE kind = ? AND name = ?", (kind, name))
            self._write_down(action, kind, name, before, None)
        return before is not None

    def note(self, action: str, kind: Kind, name: str) -> None:
        """Write down what happened where nothing that is kept is other than before."""
        self._write_down(action, kind, name, None, None)

    def _find_body(self, kind: Kind, name: str) -> str | None:
        row = self._connection.execute("SELECT body FROM objects WHERE kind = ? AND name = ?", (kind, name)).fetchone()
        return None if row is None else str(row[0])

    def _write_down(self, action: str, kind: Kind, name: str, before: str | None, after: str | None) -> None:
        row = (self._now_ns, self._actor.who, self._actor.via, action, kind, name, _told(before), _told(after))
        self._connection.execute(
            "INSERT INTO changes (at_ns, who, via, action, kind, name, before, after) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            row,
        )


class ControlStore:
    """The store, open. Safe to use from several threads, one transaction at a time."""

    def __init__(self, connection: sqlite3.Connection, path: Path) -> None:
        self._connection = connection
        self._path = path
        self._lock = threading.Lock()

    def snapshot(self) -> Snapshot:
        """All that is kept now."""
        with self._lock, _as_control_error(self._path), _transaction(self._connection, "BEGIN"):
            return _read(self._connection)

    def data_version(self) -> int:
        """A number that is another one once another connection has changed the file."""
        with self._lock, _as_control_error(self._path):
            (number,) = self._connection.execute("PRAGMA data_version").fetchone()
        return int(number)

    @contextmanager
    def look(self, now_ns: int) -> Iterator[Transaction]:
        """As `change`, for reading alone."""
        with self._lock, _as_control_error(self._path), _transaction(self._connection, "BEGIN"):
            yield Transaction(self._connection, _NOBODY, now_ns)

    @contextmanager
    def change(self, actor: Actor, now_ns: int) -> Iterator[Transaction]:
        """A transaction for as long as the block lasts; if the block raises, nothing has happened."""
        with self._lock, _as_control_error(self._path), _transaction(self._connection, "BEGIN IMMEDIATE"):
            yield Transaction(self._connection, actor, now_ns)

    def changes(
        self, *, before_seq: int | None = None, limit: int = 100, kind: Kind | None = None, name: str | None = None
    ) -> tuple[Change, ...]:
        """The trail from its newest end: those before `before_seq`, of one kind and name if these are given."""
        wanted = (before_seq, before_seq, kind, kind, name, name, limit)
        with self._lock, _as_control_error(self._path):
            rows = self._connection.execute(_CHANGES, wanted).fetchall()
        return tuple(_change_of(row) for row in rows)

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._connection.close()


def control_path(directory: str | Path) -> Path:
    """The file of the control store in `directory`."""
    return Path(directory) / FILE


def open_control(directory: str | Path) -> ControlStore:
    """Open the control store in `directory` for writing; make it if it is not there, and bring its schema up to date.

    Raises ControlError if that cannot be done, or if a newer version of Entrepôt wrote it.
    """
    path = control_path(directory)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # Only where there is none: to close a descriptor of a file lets go of SQLite's locks on it in this process.
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    except FileExistsError:
        pass
    except OSError as error:
        raise ControlError(f"cannot make the control store {path}: {error.strerror}") from error
    with _as_control_error(path):
        connection = _connect(path, "rw")
        try:
            connection.execute("PRAGMA journal_mode = WAL").fetchone()
            connection.execute("PRAGMA synchronous = FULL")
            if applied(connection) < len(MIGRATIONS):
                with _transaction(connection, "BEGIN IMMEDIATE"):
                    migrate(connection)
            _refuse_newer(connection, path)
        except BaseException:
            connection.close()
            raise
    return ControlStore(connection, path)


def open_control_reader(directory: str | Path) -> ControlStore:
    """Open the control store in `directory` to be read only. Raises ControlError if it is not there or cannot be read."""
    path = control_path(directory)
    if not path.exists():
        raise ControlError(f"there is no control store at {path}; entrepot up makes it, and so does entrepot keys new")
    with _as_control_error(path):
        connection = _connect(path, "ro")
        try:
            _refuse_newer(connection, path)
        except BaseException:
            connection.close()
            raise
    return ControlStore(connection, path)


def _connect(path: Path, mode: str) -> sqlite3.Connection:
    return sqlite3.connect(
        f"file:{quote(str(path.absolute()))}?mode={mode}",
        uri=True,
        isolation_level=None,  # transactions are begun and ended by name
        check_same_thread=False,  # guarded by the store's own lock
        timeout=_BUSY_TIMEOUT_S,
    )


@contextmanager
def _transaction(connection: sqlite3.Connection, begin: str) -> Iterator[None]:
    connection.execute(begin)
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


@contextmanager
def _as_control_error(path: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise ControlError(f"the control store {path} cannot be used: {error}") from error
    except msgspec.MsgspecError as error:
        raise ControlError(f"the control store {path} holds what this version cannot read: {error}") from error


def _refuse_newer(connection: sqlite3.Connection, path: Path) -> None:
    if applied(connection) > len(MIGRATIONS):
        raise ControlError(f"the control store {path} was written by a newer version of Entrepôt; upgrade this one")


def _read(connection: sqlite3.Connection) -> Snapshot:
    found: dict[str, list[Any]] = {kind: [] for kind in SHAPES}
    for kind, body in connection.execute("SELECT kind, body FROM objects ORDER BY kind, name"):
        if kind not in found:
            raise ControlError(f"the control store holds a {kind}, which this version does not know; upgrade it")
        found[kind].append(msgspec.json.decode(body, type=SHAPES[kind]))
    (version,) = connection.execute("SELECT coalesce(max(seq), 0) FROM changes").fetchone()
    return Snapshot(version, **{f"{kind}s": tuple(objects) for kind, objects in found.items()})


def _told(body: str | None) -> str | None:
    """An object as the trail shows it: without the digests of its secrets."""
    if body is None:
        return None
    decoded = msgspec.json.decode(body)
    for secret in decoded.get("secrets", ()):
        secret.pop("sha256", None)
    return msgspec.json.encode(decoded).decode()


def _change_of(row: tuple[Any, ...]) -> Change:
    *facts, before, after = row
    raw = [None if text is None else msgspec.Raw(text.encode()) for text in (before, after)]
    return Change(*facts, *raw)


_CHANGES = f"""
    SELECT {_COLUMNS} FROM changes
    WHERE (? IS NULL OR seq < ?) AND (? IS NULL OR kind = ?) AND (? IS NULL OR name = ?)
    ORDER BY seq DESC LIMIT ?
"""  # noqa: S608 - only constants are put in
