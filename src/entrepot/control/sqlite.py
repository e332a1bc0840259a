"""The control store in one SQLite file beside the ledger: for one machine.

Rules of this file: writers are the control process and the command line on the same machine, one at a time. The file is readable
by its owner alone. Every sqlite3 error becomes a ControlError that names the file.
"""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Hashable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote

import msgspec

from entrepot.control.migrations import MIGRATIONS, migrate
from entrepot.control.store import ControlStore, Query
from entrepot.errors import ControlError
from entrepot.ledger.migrations import applied

FILE = "control.sqlite"
_BUSY_TIMEOUT_S = 5.0
_TABLES = {"objects": "objects", "changes": "changes"}
_Mode = Literal["rw", "ro"]


class SqliteControlStore(ControlStore):
    """See ControlStore. A file that was put in the place of another is opened in its stead."""

    def __init__(self, path: Path, mode: _Mode) -> None:
        """Raises ControlError where the file cannot be opened."""
        self._path = path
        self._mode = mode
        self._lock = threading.Lock()
        with _as_control_error(path):
            self._connection, self._inode = _connect(path, mode), path.stat().st_ino

    def state(self) -> Hashable:
        """Which file it is, and SQLite's own count of what others have changed in it."""
        with self._lock, _as_control_error(self._path):
            inode = self._path.stat().st_ino
            if inode != self._inode:
                self._connection.close()
                self._connection, self._inode = _connect(self._path, self._mode), inode
            (number,) = self._connection.execute("PRAGMA data_version").fetchone()
        return inode, int(number)

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._connection.close()

    @contextmanager
    def _transaction(self, *, writing: bool) -> Iterator[Query]:
        def query(statement: str, parameters: Sequence[str | int | None]) -> list[tuple[Any, ...]]:
            return self._connection.execute(statement.format_map(_TABLES), parameters).fetchall()

        begin = "BEGIN IMMEDIATE" if writing else "BEGIN"
        with self._lock, _as_control_error(self._path), _begun(self._connection, begin):
            yield query


def control_path(directory: str | Path) -> Path:
    """The file of the control store in `directory`."""
    return Path(directory) / FILE


def open_control(directory: str | Path) -> SqliteControlStore:
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
    return SqliteControlStore(path, "rw")


def open_control_reader(directory: str | Path) -> SqliteControlStore:
    """Open the control store in `directory` to be read only. Raises ControlError if it is not there or cannot be read."""
    path = control_path(directory)
    if not path.exists():
        raise ControlError(f"there is no control store at {path}; entrepot up makes it, and so does entrepot keys new")
    return SqliteControlStore(path, "ro")


def _connect(path: Path, mode: _Mode) -> sqlite3.Connection:
    connection = sqlite3.connect(
        f"file:{quote(str(path.absolute()))}?mode={mode}",
        uri=True,
        isolation_level=None,  # transactions are begun and ended by name
        check_same_thread=False,  # guarded by the store's own lock
        timeout=_BUSY_TIMEOUT_S,
    )
    try:
        if mode == "rw":
            connection.execute("PRAGMA journal_mode = WAL").fetchone()
            connection.execute("PRAGMA synchronous = FULL")
            if applied(connection) < len(MIGRATIONS):
                with _begun(connection, "BEGIN IMMEDIATE"):
                    migrate(connection)
        _refuse_newer(connection, path)
    except BaseException:
        connection.close()
        raise
    return connection


def _refuse_newer(connection: sqlite3.Connection, path: Path) -> None:
    if applied(connection) > len(MIGRATIONS):
        raise ControlError(f"the control store {path} was written by a newer version of Entrepôt; upgrade this one")


@contextmanager
def _begun(connection: sqlite3.Connection, begin: str) -> Iterator[None]:
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
    except OSError as error:
        raise ControlError(f"the control store {path}: {error.strerror}") from error
    except sqlite3.Error as error:
        raise ControlError(f"the control store {path} cannot be used: {error}") from error
    except msgspec.MsgspecError as error:
        raise ControlError(f"the control store {path} holds what this version cannot read: {error}") from error
