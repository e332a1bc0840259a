"""What was last known of a control store that may be away: a copy on this machine, for processes that start meanwhile.

Rules of this file: the copy is as private as the store (it holds the digests of keys), and it is replaced whole. Several
processes write it: each reads the store while it has the turn, so an older state never takes the place of a newer one. A copy
that cannot be read is none; one that cannot be written is told of, and nothing else is wrong.
"""

from __future__ import annotations

import fcntl
import logging
import os
import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from entrepot.control.objects import Snapshot

FILE = "control.last-known"
_log = logging.getLogger("entrepot.control")


class LastKnown(msgspec.Struct, frozen=True):
    """A state of the store, and when it was read (Unix time, s). `of` names the store: what another kept holds nowhere else."""

    read_s: float
    snapshot: Snapshot
    of: str = ""


def remember(directory: Path, of: str, read: Callable[[], Snapshot]) -> Snapshot:
    """What `read` finds in the store called `of`, of which a copy is kept in `directory`."""
    path = directory / FILE
    try:
        directory.mkdir(parents=True, exist_ok=True)
        turn = os.open(f"{path}.turn", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    except OSError as error:
        return _told(path, error, read())
    try:
        fcntl.flock(turn, fcntl.LOCK_EX)
        snapshot = read()
        try:
            _replace(path, msgspec.json.encode(LastKnown(time.time(), snapshot, of)))
        except OSError as error:
            return _told(path, error, snapshot)
    finally:
        os.close(turn)
    return snapshot


def recall(directory: Path, of: str) -> LastKnown | None:
    """The copy in `directory` of the store called `of`, None if there is none that can be read."""
    try:
        known = msgspec.json.decode((directory / FILE).read_bytes(), type=LastKnown)
    except (OSError, msgspec.MsgspecError):
        return None
    return known if known.of == of else None


def _replace(path: Path, content: bytes) -> None:
    fresh = path.with_name(f"{FILE}.new")
    fd = os.open(fresh, os.O_CREAT | os.O_WRONLY | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(fd, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)


def _told(path: Path, error: OSError, snapshot: Snapshot) -> Snapshot:
    _log.error("no copy of the control store is kept at %s: %s; without one no gateway starts while the database is away",
               path, error.strerror)  # fmt: skip
    return snapshot
