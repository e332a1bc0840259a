"""A control store for tests, and changes of it at chosen moments."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from entrepot.control import keys
from entrepot.control.objects import StoredKey
from entrepot.control.sqlite import open_control
from entrepot.control.store import Actor, ControlStore, Transaction

ALICE = Actor("王爱丽", "key")
NOON_S = 1_900_000_000


@contextlib.contextmanager
def a_store(directory: Path) -> Iterator[ControlStore]:
    store = open_control(directory)
    try:
        yield store
    finally:
        store.close()


def at(store: ControlStore, now_s: float = NOON_S) -> contextlib.AbstractContextManager[Transaction]:
    return store.change(ALICE, int(now_s * 1_000_000_000))


def a_key(store: ControlStore, name: str = "web", **asked: object) -> tuple[StoredKey, str]:
    with at(store) as book:
        return keys.make(book, keys.NewKey(name, **asked), os.urandom(32))  # type: ignore[arg-type]  # fields of any kind
