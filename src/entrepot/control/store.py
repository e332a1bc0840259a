"""The control store: what is kept, changed in transactions that leave a trail, whichever database it is in.

Rules of this file: nothing changes without an entry in the trail, in the same transaction; digests of secrets are left out of
it. Every change raises the version, which is the number of the newest entry. Writers take turns; readers see whole transactions
only. Statements are of both databases: `{objects}` and `{changes}` are what one calls the tables, `?` stands for a parameter.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from types import TracebackType
from typing import Any, Self, TypeVar

import msgspec

from entrepot.control.objects import SHAPES, Kind, Snapshot
from entrepot.errors import ControlError

S = TypeVar("S", bound=msgspec.Struct)
Query = Callable[[str, Sequence[str | int | None]], list[tuple[Any, ...]]]
"""Runs a statement with its parameters; what it found, nothing for one that changes something."""


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

    def __init__(self, query: Query, actor: Actor, now_ns: int) -> None:
        self._query = query
        self._actor = actor
        self._now_ns = now_ns

    @property
    def now_s(self) -> float:
        """When this happens, Unix time."""
        return self._now_ns / 1_000_000_000

    def find(self, shape: type[S], kind: Kind, name: str) -> S | None:
        """The object of this name, None if there is none."""
        body = self._find_body(kind, name)
        return None if body is None else msgspec.json.decode(body, type=shape)

    def snapshot(self) -> Snapshot:
        """All objects."""
        return _read(self._query)

    def was_ever(self, kind: Kind, name: str | None = None) -> bool:
        """Whether something of this name, or of any, was there once, or is."""
        return bool(self._query(_WAS_EVER, (kind, name)))

    def put(self, kind: Kind, name: str, value: msgspec.Struct, action: str) -> None:
        """Keep `value` under this name, in place of what was there. What is as it was is no change."""
        before = self._find_body(kind, name)
        after = msgspec.json.encode(value).decode()
        if after != before:
            self._query(_PUT, (kind, name, after))
            self._write_down(action, kind, name, before, after)

    def remove(self, kind: Kind, name: str, action: str = "delete") -> bool:
        """Keep nothing under this name. Whether there was something."""
        before = self._find_body(kind, name)
        if before is not None:
            self._query(_REMOVE, (kind, name))
            self._write_down(action, kind, name, before, None)
        return before is not None

    def note(self, action: str, kind: Kind, name: str) -> None:
        """Write down what happened where nothing that is kept is other than before."""
        self._write_down(action, kind, name, None, None)

    def _find_body(self, kind: Kind, name: str) -> str | None:
        rows = self._query(_FIND, (kind, name))
        return str(rows[0][0]) if rows else None

    def _write_down(self, action: str, kind: Kind, name: str, before: str | None, after: str | None) -> None:
        change = (self._now_ns, self._actor.who, self._actor.via, action, kind, name, _told(before), _told(after))
        self._query(_WRITE_DOWN, change)


class ControlStore(ABC):
    """The store, open. Safe to use from several threads, one transaction at a time. Whatever fails is a ControlError."""

    name: str
    """What messages call it, and what tells it from others."""

    @abstractmethod
    def state(self) -> Hashable:
        """Something that is another value once the store has been changed, or another one put in its place."""

    @abstractmethod
    def close(self) -> None:
        """Let go of the database."""

    @abstractmethod
    def _transaction(self, *, writing: bool) -> AbstractContextManager[Query]:
        """A transaction for as long as the block lasts, undone if that raises."""

    def snapshot(self) -> Snapshot:
        """All that is kept now."""
        with self._transaction(writing=False) as query:
            return _read(query)

    @contextmanager
    def look(self, now_ns: int) -> Iterator[Transaction]:
        """As `change`, for reading alone."""
        with self._transaction(writing=False) as query:
            yield Transaction(query, _NOBODY, now_ns)

    @contextmanager
    def change(self, actor: Actor, now_ns: int) -> Iterator[Transaction]:
        """A transaction for as long as the block lasts; if the block raises, nothing has happened."""
        with self._transaction(writing=True) as query:
            yield Transaction(query, actor, now_ns)

    def changes(
        self, *, before_seq: int | None = None, limit: int = 100, kind: Kind | None = None, name: str | None = None
    ) -> tuple[Change, ...]:
        """The trail from its newest end: those before `before_seq`, of one kind and name if these are given."""
        wanted = (before_seq, before_seq, kind, kind, name, name, limit)
        with self._transaction(writing=False) as query:
            return tuple(_change_of(row) for row in query(_CHANGES, wanted))

    def take_over(self, other: ControlStore) -> bool:
        """Keep all that `other` keeps, and its trail, if nothing was ever kept here. Whether that was so."""
        with self._transaction(writing=True) as query:
            if query(_ANY_CHANGE, ()):
                return False
            with other._transaction(writing=False) as read:
                for statement, rows in ((_PUT, read(_ALL_OBJECTS, ())), (_COPY_CHANGE, read(_ALL_CHANGES, ()))):
                    for row in rows:
                        query(statement, row)
        return True

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _read(query: Query) -> Snapshot:
    found: dict[str, list[Any]] = {kind: [] for kind in SHAPES}
    for kind, _, body in query(_ALL_OBJECTS, ()):
        if kind not in found:
            raise ControlError(f"the control store holds a {kind}, which this version does not know; upgrade it")
        found[kind].append(msgspec.json.decode(body, type=SHAPES[kind]))
    ((version,),) = query(_VERSION, ())
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


_COLUMNS = "seq, at_ns, who, via, action, kind, name, before, after"
_FIND = "SELECT body FROM {objects} WHERE kind = ? AND name = ?"
_PUT = "INSERT INTO {objects} VALUES (?, ?, ?) ON CONFLICT (kind, name) DO UPDATE SET body = excluded.body"
_REMOVE = "DELETE FROM {objects} WHERE kind = ? AND name = ?"
_WAS_EVER = "SELECT 1 FROM {changes} WHERE kind = ? AND name = coalesce(?, name) LIMIT 1"
_VERSION = "SELECT coalesce(max(seq), 0) FROM {changes}"
_ALL_OBJECTS = "SELECT kind, name, body FROM {objects} ORDER BY kind, name"
_ALL_CHANGES = f"SELECT {_COLUMNS} FROM {{changes}} ORDER BY seq"  # noqa: S608 - only constants are put in
_ANY_CHANGE = "SELECT 1 FROM {changes} LIMIT 1"
_COPY_CHANGE = f"INSERT INTO {{changes}} ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"  # noqa: S608 - as above
_WRITE_DOWN = f"INSERT INTO {{changes}} ({_COLUMNS}) VALUES (({_VERSION}) + 1, ?, ?, ?, ?, ?, ?, ?, ?)"  # noqa: S608 - as above
_CHANGES = f"""
    SELECT {_COLUMNS} FROM {{changes}}
    WHERE (CAST(? AS BIGINT) IS NULL OR seq < ?) AND (CAST(? AS TEXT) IS NULL OR kind = ?)
        AND (CAST(? AS TEXT) IS NULL OR name = ?)
    ORDER BY seq DESC LIMIT ?
"""  # noqa: S608 - as above
