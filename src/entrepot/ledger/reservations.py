"""Reservation journals: what each gateway process has reserved of budgets, and what it settled, so that its death loses nothing.

Rules of this file: one record is one `write`, as in a spool, so what was reserved before a call survives kill -9. A process
holds the lock (flock) of its journal as long as it lives; a journal that nobody holds the lock of is that of a dead process,
whatever its pid is doing now. A journal that grows over ROTATE_BYTES goes on in a further file, which begins with what is
still open; older files are dropped once the shared counters have acknowledged all that is in them.
"""

from __future__ import annotations

import fcntl
import os
import secrets
from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec

from entrepot.errors import LedgerError
from entrepot.ledger.frames import Damage, frame, scan
from entrepot.ledger.spool import claim_finished

FOLDER = "reservations"
SUFFIX = ".journal"
ROTATE_BYTES = 1024 * 1024


class Reserved(msgspec.Struct, frozen=True, array_like=True, tag="r"):
    """An exchange may cost up to `nano_usd`, charged to each of `accounts`; a later record of the same id replaces this one.

    What follows is for the ledger, should nothing else be heard of it.
    """

    id: str
    nano_usd: int
    accounts: tuple[str, ...]
    started_ns: int = 0
    dialect: str = ""
    asked_model: str = ""
    stream: bool = False
    key: str | None = None
    team: str | None = None
    tags: tuple[str, ...] = ()
    route: str | None = None
    input_tokens: int = 0


class Settled(msgspec.Struct, frozen=True, array_like=True, tag="s"):
    """The exchange was written to the spool, and `nano_usd` charged for it."""

    id: str
    nano_usd: int


Record = Reserved | Settled
_DECODER: msgspec.msgpack.Decoder[Record] = msgspec.msgpack.Decoder(Record)


class Journal:
    """The journal of one process, which holds its lock. `owner` is new for every process that ever was.

    `path` and `offset` say how far it goes now. Raises LedgerError where it cannot be written.
    """

    def __init__(self, directory: str | Path, name: str, *, rotate_bytes: int = ROTATE_BYTES) -> None:
        self._folder = Path(directory) / FOLDER
        self.owner = f"{name}.{secrets.token_hex(8)}"
        self._rotate_bytes = rotate_bytes
        self._encoder = msgspec.msgpack.Encoder()
        self._number = 0
        self._older: list[tuple[int, Path]] = []
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._fd, self.path = self._open()
        except OSError as error:
            raise LedgerError(
                f"cannot open a journal of reservations in {self._folder}: {error.strerror}; "
                "check that its disk has room and its owner may write there"
            ) from error
        self.offset = 0

    @property
    def is_full(self) -> bool:
        """Whether it should go on in a further file."""
        return self.offset > self._rotate_bytes

    def append(self, record: Record) -> None:
        """Write a record; once this returns, the death of this process cannot lose it. Raises LedgerError."""
        data = frame(self._encoder.encode(record))
        try:
            written = os.write(self._fd, data)
        except OSError as error:
            raise LedgerError(f"cannot append to {self.path}: {error.strerror}; make room on its disk") from error
        self.offset += written
        if written < len(data):
            raise LedgerError(f"cannot append to {self.path}: its disk is full; make room there")

    def rotate(self, open_: Iterable[Reserved]) -> None:
        """Go on in a further file that begins with what is open; the older one stays until `acknowledge`."""
        old = (self._fd, self.path, self.offset)
        try:
            self._fd, self.path = self._open()
        except OSError:
            return  # a file that grows over its size is better than a lost record
        self.offset = 0
        try:
            for record in open_:
                self.append(record)
        except LedgerError:
            os.close(self._fd)
            self.path.unlink(missing_ok=True)
            self._fd, self.path, self.offset = old
            return
        self._older.append(old[:2])

    def acknowledge(self, journal: str) -> None:
        """The shared counters have all that lies before this file."""
        if journal == self.path.name:
            for fd, path in self._older:
                path.unlink(missing_ok=True)
                os.close(fd)
            self._older.clear()

    def close(self, *, delete: bool) -> None:
        """Let go of it; where everything was settled and returned it is deleted, else the control process settles it."""
        files = [*self._older, (self._fd, self.path)]
        for fd, path in files:
            if delete:
                path.unlink(missing_ok=True)
            os.close(fd)

    def _open(self) -> tuple[int, Path]:
        self._number += 1
        path = self._folder / f"{self.owner}.{self._number:06d}{SUFFIX}"
        temporary = path.with_suffix(".new")
        # Locked under another name first: nobody may take it for a dead process's between its creation and its lock.
        fd = os.open(temporary, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o640)
        fcntl.flock(fd, fcntl.LOCK_EX)
        temporary.rename(path)
        return fd, path


class DeadJournal(msgspec.Struct, frozen=True):
    """What a dead process left: its files in order."""

    owner: str
    paths: tuple[Path, ...]


class Remains(msgspec.Struct, frozen=True):
    """What of a journal the shared counters have not heard: what was settled, by account, and what was never settled."""

    settled: dict[str, int]
    open: tuple[Reserved, ...]


def list_owners(directory: str | Path) -> dict[str, list[Path]]:
    """The journals in `directory` by the process that wrote them, each one's files in order."""
    found: dict[str, list[Path]] = {}
    for path in sorted((Path(directory) / FOLDER).glob(f"*{SUFFIX}")):
        owner, _, _ = path.name.removesuffix(SUFFIX).rpartition(".")
        found.setdefault(owner, []).append(path)
    return found


def find_dead(directory: str | Path) -> list[DeadJournal]:
    """The journals whose writers are gone."""
    return [
        DeadJournal(owner, tuple(paths))
        for owner, paths in list_owners(directory).items()
        if all(_is_finished(path) for path in paths)
    ]


def read_remains(paths: Sequence[Path], journal: str, offset: int) -> Remains:
    """What lies beyond `offset` of the file named `journal` (all of it where there is no such file), and what is open."""
    names = [path.name for path in paths]
    known = names.index(journal) if journal in names else -1
    open_: dict[str, Reserved] = {}
    settled: dict[str, int] = {}
    for index, path in enumerate(paths):
        for payload, following in scan(path.read_bytes(), ended=True):
            if isinstance(payload, Damage):
                continue  # torn: its append never returned, and no call was made on the strength of it
            record = _DECODER.decode(payload)
            if isinstance(record, Reserved):
                open_[record.id] = record
                continue
            reserved = open_.pop(record.id, None)
            if reserved is not None and (index, following) > (known, offset):
                for account in reserved.accounts:
                    settled[account] = settled.get(account, 0) + record.nano_usd
    return Remains(settled, tuple(open_.values()))


def _is_finished(path: Path) -> bool:
    try:
        claim = claim_finished(path)
    except FileNotFoundError:
        return False  # settled by somebody else meanwhile
    if claim is None:
        return False
    os.close(claim)
    return True
