"""Answers that clients may come back to, in an SQLite file beside the ledger that all gateway processes share.

Rules of this file: nothing is kept unless the operator asked for it (`[responses] store`). A response belongs to one key: every
question names both, so one key can never learn of another's. Time is handed in, in Unix seconds. A response that others follow
is kept as long as the last of them. The file is readable by its owner alone, because prompts are in it. Each call opens the file
and closes it again, so that any thread may call. Every sqlite3 error becomes a LedgerError that names the file.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec

from entrepot.errors import LedgerError

FILE = "responses.db"
_VERSION = 1
_DAY_S = 86_400
_BUSY_TIMEOUT_S = 5.0
_LONGEST_CHAIN = 1_000

_SCHEMA = """
    CREATE TABLE responses (
        key TEXT NOT NULL, id TEXT NOT NULL, previous_id TEXT,
        created_s INTEGER NOT NULL, keep_until_s INTEGER NOT NULL,
        input BLOB NOT NULL, response BLOB NOT NULL,
        UNIQUE (key, id)
    );
    CREATE INDEX responses_keep_until ON responses (keep_until_s);
    CREATE TABLE items (
        key TEXT NOT NULL, item_id TEXT NOT NULL, response_id TEXT NOT NULL,
        PRIMARY KEY (key, item_id)
    ) WITHOUT ROWID;
    CREATE INDEX items_response ON items (key, response_id);
"""
_CHAIN = """
    WITH RECURSIVE chain (id, previous_id, depth) AS (
        SELECT id, previous_id, 0 FROM responses WHERE key = :key AND id = :id
        UNION ALL
        SELECT responses.id, responses.previous_id, depth + 1 FROM responses, chain
        WHERE responses.key = :key AND responses.id = chain.previous_id AND depth < :longest
    )
"""
_COLUMNS = "responses.id, responses.previous_id, created_s, input, response"


def response_id_of(exchange: str) -> str:
    """By what a client names the response of an exchange."""
    return f"resp_{exchange.replace('-', '')}"


class KeptResponse(msgspec.Struct, frozen=True):
    """One response. `input` is the JSON list of the items that its request added, `response` the JSON object as it was sent.

    `previous_id` is the response that the request continued. `item_ids` name what a later request may refer to.
    """

    id: str
    previous_id: str | None
    created_s: int
    input: bytes
    response: bytes
    item_ids: tuple[str, ...] = ()


class ResponseStore:
    """The kept responses of an installation."""

    def __init__(self, directory: str | Path, keep_days: int) -> None:
        """Make the file if it is not there. Raises LedgerError if that cannot be done."""
        self._path = Path(directory) / FILE
        self._keep_s = keep_days * _DAY_S
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            # Only where there is none: to close a descriptor of a file lets go of SQLite's locks on it in this process.
            os.close(os.open(self._path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
        except FileExistsError:
            pass
        except OSError as error:
            raise LedgerError(f"cannot make {self._path}: {error.strerror}") from error
        with self._open() as connection:
            connection.execute("PRAGMA journal_mode = WAL").fetchone()
            connection.execute("BEGIN IMMEDIATE")
            (version,) = connection.execute("PRAGMA user_version").fetchone()
            if version > _VERSION:
                raise LedgerError(f"{self._path} was written by a newer version of Entrepôt; upgrade this one")
            if version == 0:
                for statement in _SCHEMA.split(";"):
                    connection.execute(statement)
                connection.execute(f"PRAGMA user_version = {_VERSION}")
            connection.execute("COMMIT")

    def keep(self, key: str, response: KeptResponse, now_s: float) -> None:
        """Keep one, whatever it continues as long as itself, and forget what is past its time."""
        until_s = int(now_s) + self._keep_s
        row = (key, response.id, response.previous_id, response.created_s, until_s, response.input, response.response)
        with self._open() as connection:
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("INSERT OR REPLACE INTO responses VALUES (?, ?, ?, ?, ?, ?, ?)", row)
            connection.executemany(
                "INSERT OR REPLACE INTO items VALUES (?, ?, ?)",
                [(key, each, response.id) for each in response.item_ids],
            )
            connection.execute(
                f"{_CHAIN} UPDATE responses SET keep_until_s = :until"  # noqa: S608 - only constants are put in
                " WHERE key = :key AND id IN (SELECT id FROM chain)",
                {"key": key, "id": response.id, "longest": _LONGEST_CHAIN, "until": until_s},
            )
            connection.execute(
                "DELETE FROM items WHERE (key, response_id) IN (SELECT key, id FROM responses WHERE keep_until_s < ?)",
                (int(now_s),),
            )
            connection.execute("DELETE FROM responses WHERE keep_until_s < ?", (int(now_s),))
            connection.execute("COMMIT")

    def find(self, key: str, response_id: str, now_s: float) -> KeptResponse | None:
        """The key's response of this id, None if there is none or its time is over."""
        with self._open() as connection:
            row = connection.execute(
                f"SELECT {_COLUMNS} FROM responses WHERE key = ? AND id = ? AND keep_until_s >= ?",  # noqa: S608 - only constants are put in
                (key, response_id, int(now_s)),
            ).fetchone()
        return None if row is None else KeptResponse(*row)

    def chain(self, key: str, response_id: str, now_s: float) -> tuple[KeptResponse, ...]:
        """The response after all that it continues, the first one first; empty if one of them is not there any more."""
        with self._open() as connection:
            rows = connection.execute(
                f"{_CHAIN} SELECT {_COLUMNS} FROM chain JOIN responses"  # noqa: S608 - only constants are put in
                " ON responses.key = :key AND responses.id = chain.id"
                " WHERE keep_until_s >= :now ORDER BY depth DESC",
                {"key": key, "id": response_id, "longest": _LONGEST_CHAIN, "now": int(now_s)},
            ).fetchall()
        return tuple(KeptResponse(*row) for row in rows) if rows and rows[0][1] is None else ()

    def find_by_item(self, key: str, item_id: str, now_s: float) -> KeptResponse | None:
        """The key's response that an item belongs to."""
        with self._open() as connection:
            found = connection.execute(
                "SELECT response_id FROM items WHERE key = ? AND item_id = ?", (key, item_id)
            ).fetchone()
        return None if found is None else self.find(key, found[0], now_s)

    def forget(self, key: str, response_id: str) -> bool:
        """Delete one. Whether it was there."""
        with self._open() as connection:
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("DELETE FROM items WHERE key = ? AND response_id = ?", (key, response_id))
            deleted = connection.execute("DELETE FROM responses WHERE key = ? AND id = ?", (key, response_id)).rowcount
            _commit_erasure(connection)
        return deleted > 0

    def forget_key(self, key: str) -> int:
        """Delete all of a key's; returns how many there were."""
        with self._open() as connection:
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("DELETE FROM items WHERE key = ?", (key,))
            deleted = connection.execute("DELETE FROM responses WHERE key = ?", (key,)).rowcount
            _commit_erasure(connection)
        return deleted

    def forget_exchange(self, exchange: str) -> int:
        """Delete that of an exchange, whoever's it is; returns how many there were."""
        response_id = response_id_of(exchange)
        with self._open() as connection:
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("DELETE FROM items WHERE response_id = ?", (response_id,))
            deleted = connection.execute("DELETE FROM responses WHERE id = ?", (response_id,)).rowcount
            _commit_erasure(connection)
        return deleted

    def forget_exchanges(self, exchanges: Iterable[tuple[str, str]]) -> int:
        """Delete those of exchanges, each by its key and its id; returns how many there were."""
        named = [(key, response_id_of(exchange)) for key, exchange in exchanges]
        with self._open() as connection:
            connection.execute("BEGIN IMMEDIATE")
            connection.executemany("DELETE FROM items WHERE key = ? AND response_id = ?", named)
            deleted = connection.executemany("DELETE FROM responses WHERE key = ? AND id = ?", named).rowcount
            _commit_erasure(connection)
        return deleted

    @contextlib.contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        try:
            with contextlib.closing(
                sqlite3.connect(self._path, isolation_level=None, timeout=_BUSY_TIMEOUT_S)
            ) as connection:
                connection.execute(
                    "PRAGMA secure_delete = ON"
                ).fetchone()  # what is forgotten is not left in free pages
                yield connection
        except sqlite3.Error as error:
            raise LedgerError(f"the kept responses {self._path} cannot be used: {error}") from error


def _commit_erasure(connection: sqlite3.Connection) -> None:
    """And empty the write-ahead log, which still holds the pages as they were; where somebody reads, whoever closes last does."""
    connection.execute("COMMIT")
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
