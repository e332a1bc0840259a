"""Shared counters in one SQLite file, for the processes of one machine.

Rules of this file: every report is one transaction that takes the write lock first (BEGIN IMMEDIATE), so that processes take
turns. `synchronous = OFF` is enough: what a commit wrote survives the death of every process, and after the death of the
machine (another boot) the epoch is void, and the counters are rebuilt from the ledger.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import msgspec

from entrepot.errors import CountersUnreachable, EpochMissing
from entrepot.ledger.counters import (
    WANT_LASTS_S,
    WINDOW_S,
    AccountState,
    Epoch,
    Move,
    Owner,
    Reply,
    Report,
    Standing,
    grant,
)

COUNTERS_FILE = "counters.sqlite"
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_WAIT_S = 5.0

_SCHEMA = """
CREATE TABLE IF NOT EXISTS epoch (
    one INTEGER PRIMARY KEY CHECK (one = 1), name TEXT NOT NULL, active INTEGER NOT NULL, boot TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS parts (part TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS spent (account TEXT, second INTEGER, amount INTEGER NOT NULL, PRIMARY KEY (account, second))
    WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS leases (account TEXT, owner TEXT, amount INTEGER NOT NULL, PRIMARY KEY (account, owner))
    WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS wants (
    account TEXT, owner TEXT, since_s REAL NOT NULL, until_s REAL NOT NULL, PRIMARY KEY (account, owner)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS owners (
    owner TEXT PRIMARY KEY, journal TEXT NOT NULL, offset INTEGER NOT NULL, number INTEGER NOT NULL,
    reply BLOB NOT NULL, open TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS marks (mark TEXT PRIMARY KEY) WITHOUT ROWID;
"""
_TABLES = ("epoch", "parts", "spent", "leases", "wants", "owners")


class SqliteCounters:
    """The counters of the ledger in `directory`. One connection, used by one thread at a time."""

    def __init__(self, directory: str | Path) -> None:
        self._path = Path(directory) / COUNTERS_FILE
        self._lock = threading.Lock()
        self._boot = _BOOT_ID.read_text().strip() if _BOOT_ID.exists() else ""
        self._decoder = msgspec.msgpack.Decoder(Reply)
        self._connection: sqlite3.Connection | None = None
        self._opened = 0

    def report(self, report: Report, now_s: float) -> Reply:
        """See Counters."""
        with self._writing() as connection:
            epoch = self._epoch(connection)
            if epoch is None:
                raise EpochMissing("the shared counters have no epoch")
            known = connection.execute("SELECT number, reply FROM owners WHERE owner = ?", (report.owner,)).fetchone()
            if report.number > 1 and report.epoch != epoch.name:
                raise EpochMissing("the shared counters have begun a new epoch")
            if known is not None and known[0] == report.number:
                return self._decoder.decode(known[1])
            if report.number > 1 and (known is None or known[0] != report.number - 1):
                connection.execute("DELETE FROM epoch")
                connection.commit()
                raise EpochMissing("the shared counters have forgotten what they acknowledged")
            owners = connection.execute("SELECT count(*) FROM owners").fetchone()[0]
            standings = tuple(
                _move(connection, report.owner, move, owners if epoch.active else None, now_s) for move in report.moves
            )
            reply = Reply(epoch.name, epoch.active, standings)
            connection.execute(
                "INSERT INTO owners VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET journal = excluded.journal,"
                " offset = excluded.offset, number = excluded.number, reply = excluded.reply",
                (
                    report.owner,
                    report.journal,
                    report.offset,
                    report.number,
                    msgspec.msgpack.encode(reply),
                    " ".join(report.open),
                ),
            )
            return reply

    def bury(self, owner: str, spent: Mapping[str, int], now_s: float) -> bool:
        """See Counters."""
        with self._writing() as connection:
            if self._epoch(connection) is None:
                raise EpochMissing("the shared counters have no epoch")
            known = connection.execute("DELETE FROM owners WHERE owner = ?", (owner,)).rowcount > 0
            if known:
                for account, amount in spent.items():
                    _spend(connection, account, 0, amount)
            connection.execute("DELETE FROM leases WHERE owner = ?", (owner,))
            connection.execute("DELETE FROM wants WHERE owner = ? OR until_s < ?", (owner, now_s))
            return known

    def owners(self) -> tuple[Owner, ...]:
        """See Counters."""
        with self._reading() as connection:
            rows = connection.execute("SELECT owner, journal, offset, open FROM owners").fetchall()
        return tuple(Owner(owner, journal, offset, tuple(ids.split())) for owner, journal, offset, ids in rows)

    def states(self, now_s: float, accounts: Sequence[str] | None = None) -> tuple[AccountState, ...]:
        """See Counters."""
        with self._reading() as connection:
            leases: dict[str, dict[str, int]] = {}
            for account, owner, amount in connection.execute("SELECT account, owner, amount FROM leases"):
                leases.setdefault(account, {})[owner] = amount
            used = dict(
                connection.execute(
                    "SELECT account, sum(amount) FROM spent WHERE second = 0 OR second >= ? GROUP BY account",
                    (int(now_s) - WINDOW_S,),
                ).fetchall()
            )
        wanted = sorted({*leases, *used}) if accounts is None else accounts
        return tuple(
            AccountState(one, used.get(one, 0), sum(leases.get(one, {}).values()), leases.get(one, {}))
            for one in wanted
        )

    def epoch(self) -> Epoch | None:
        """See Counters."""
        with self._reading() as connection:
            return self._epoch(connection)

    def begin(self, name: str, instead_of: str = "") -> bool:
        """See Counters."""
        with self._writing() as connection:
            epoch = self._epoch(connection)
            if epoch is not None and epoch.name != instead_of:
                return False
            for table in _TABLES:
                connection.execute(f"DELETE FROM {table}")  # noqa: S608 - names of our own
            connection.execute("INSERT INTO epoch VALUES (1, ?, 0, ?)", (name, self._boot))
            return True

    def activate(self, name: str, part: str, used: Mapping[str, int], parts: int = 1) -> None:
        """See Counters."""
        with self._writing() as connection:
            epoch = self._epoch(connection)
            if epoch is None or epoch.name != name or epoch.active:
                return
            if connection.execute("INSERT OR IGNORE INTO parts VALUES (?)", (part,)).rowcount:
                for account, amount in used.items():
                    _spend(connection, account, 0, amount)
            if connection.execute("SELECT count(*) FROM parts").fetchone()[0] >= parts:
                connection.execute("UPDATE epoch SET active = 1")

    def note_once(self, mark: str) -> bool:
        """See Counters."""
        with self._writing() as connection:
            return connection.execute("INSERT OR IGNORE INTO marks VALUES (?)", (mark,)).rowcount > 0

    def close(self) -> None:
        """See Counters."""
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    def _epoch(self, connection: sqlite3.Connection) -> Epoch | None:
        row = connection.execute("SELECT name, active, boot FROM epoch").fetchone()
        return Epoch(row[0], bool(row[1])) if row is not None and row[2] == self._boot else None

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            try:
                yield self._open()
            except (sqlite3.Error, OSError, OverflowError) as error:
                self._forget()
                raise self._unreachable(error) from error

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        with self._reading() as connection:
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
            except BaseException:
                if connection.in_transaction:
                    connection.rollback()
                raise
            connection.commit()

    def _open(self) -> sqlite3.Connection:
        """Opened at the first use, and again where somebody removed the file, or put another in its place."""
        if self._connection is not None and self._file() != self._opened:
            self._forget()
        if self._connection is None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            connection = sqlite3.connect(self._path, timeout=_WAIT_S, isolation_level=None, check_same_thread=False)
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = OFF")
            connection.executescript(_SCHEMA)
            self._connection, self._opened = connection, self._file()
        return self._connection

    def _file(self) -> int:
        try:
            return self._path.stat().st_ino
        except FileNotFoundError:
            return 0

    def _forget(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _unreachable(self, error: Exception) -> CountersUnreachable:
        return CountersUnreachable(f"the shared counters in {self._path} cannot be used: {error}")


def open_sqlite_counters(directory: str | Path) -> SqliteCounters:
    """The counters of the ledger in `directory`; the file is made at the first use."""
    return SqliteCounters(directory)


def _move(connection: sqlite3.Connection, owner: str, move: Move, owners: int | None, now_s: float) -> Standing:
    """`owners` None: nothing is granted."""
    account = move.account
    for second, amount in move.spent:
        _spend(connection, account, second, amount)
    used = _used(connection, move, now_s)
    key = (account, owner)
    row = connection.execute("SELECT amount FROM leases WHERE account = ? AND owner = ?", key).fetchone()
    lease = (row[0] if row else 0) - move.returned
    others = connection.execute(
        "SELECT coalesce(sum(amount), 0) FROM leases WHERE account = ? AND owner != ?", key
    ).fetchone()[0]
    mine = connection.execute("SELECT since_s FROM wants WHERE account = ? AND owner = ?", key).fetchone()
    since_s = mine[0] if mine else now_s
    waiting = connection.execute(
        "SELECT 1 FROM wants WHERE account = ? AND owner != ? AND until_s > ? AND (since_s, owner) < (?, ?)",
        (*key, now_s, since_s if move.need else now_s + 1, owner),
    ).fetchone()
    granted = 0 if owners is None else grant(move, used, others, lease, owners, others_wait=waiting is not None)
    if lease + granted:
        connection.execute("INSERT OR REPLACE INTO leases VALUES (?, ?, ?)", (*key, lease + granted))
    elif row:
        connection.execute("DELETE FROM leases WHERE account = ? AND owner = ?", key)
    fits_s = 0.0
    if move.need and not granted:
        connection.execute("INSERT OR REPLACE INTO wants VALUES (?, ?, ?, ?)", (*key, since_s, now_s + WANT_LASTS_S))
        if move.kind == "window":
            fits_s = _fits_s(connection, move, others + lease, now_s)
    elif mine:
        connection.execute("DELETE FROM wants WHERE account = ? AND owner = ?", key)
    return Standing(account, granted, used, others + lease + granted, waiting is not None, fits_s)


def _spend(connection: sqlite3.Connection, account: str, second: int, amount: int) -> None:
    connection.execute(
        "INSERT INTO spent VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET amount = amount + excluded.amount",
        (account, second, amount),
    )


def _used(connection: sqlite3.Connection, move: Move, now_s: float) -> int:
    if move.kind == "slots":
        return 0
    since = 0
    if move.kind == "window":
        since = int(now_s) - WINDOW_S
        connection.execute("DELETE FROM spent WHERE account = ? AND second < ?", (move.account, since))
    (total,) = connection.execute(
        "SELECT coalesce(sum(amount), 0) FROM spent WHERE account = ? AND second >= ?", (move.account, since)
    ).fetchone()
    return int(total)


def _fits_s(connection: sqlite3.Connection, move: Move, leased: int, now_s: float) -> float:
    """Seconds until enough of a window has passed for what is needed, if nothing more is spent in it."""
    rows = connection.execute("SELECT second, amount FROM spent WHERE account = ? ORDER BY second", (move.account,))
    spent = rows.fetchall()
    room = (move.amount or 0) - sum(amount for _, amount in spent) - leased
    if room + leased >= move.need:
        return 0.0  # it would fit if leases were given back
    for second, amount in spent:
        room += amount
        if room + leased >= move.need:
            return max(0.0, float(second) + WINDOW_S + 1 - now_s)
    return float(WINDOW_S)
