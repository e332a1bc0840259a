"""A second process that reads spool files and makes rows of them, while the ledger takes in what it made before.

Making rows takes as long as a database takes to write them. Where much waits, one process that does one after the other leaves a
core idle; so the next file is prepared meanwhile.

Rules of this file: the other process only reads. It answers a request (a line of JSON: where, from which offset) with a
length of eight bytes and a document, empty where it could not read the file whole and sound: whoever asked then reads it
itself, and meets what is wrong with it. It ends when its input does, so nothing of it outlives whoever started it.
"""

from __future__ import annotations

import gc
import os
import struct
import subprocess
import sys
from collections.abc import Generator, Iterable, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, NamedTuple, Protocol, Self, runtime_checkable

import msgspec

from entrepot.exchange.outcome import Outcome
from entrepot.ledger.batches import batches
from entrepot.ledger.frames import Damage
from entrepot.ledger.postgres_batch import Batch, batch_of
from entrepot.ledger.spool import read_payloads
from entrepot.ledger.store import SpoolProgress

_LENGTH = struct.Struct("<q")
_AHEAD = 1
"""How many files are asked for beyond the one that the ledger takes in: each is a few dozen megabytes here and there."""


class Prepared(NamedTuple):
    """A batch of a file, with what was said, and the file's progress once both are in the ledger."""

    batch: Batch
    outcomes: list[Outcome]
    after: SpoolProgress


class Finished(NamedTuple):
    """A spool file that nobody appends to any more, how far it was read, and the descriptor that holds its lock."""

    path: Path
    progress: SpoolProgress
    claim: int


class _Request(msgspec.Struct, frozen=True):
    path: str
    progress: SpoolProgress


@runtime_checkable
class TakesPrepared(Protocol):
    """A ledger that can be given batches that are rows already."""

    def insert_batch(
        self,
        batch: Batch,
        outcomes: Sequence[Outcome] = (),
        *,
        before: SpoolProgress | None = None,
        after: SpoolProgress | None = None,
    ) -> int:
        """As `LedgerStore.insert_documents`."""
        ...


def prepare_ahead(files: Iterable[Finished]) -> Generator[tuple[Finished, list[Prepared]]]:
    """Each file with what it holds; files that the other process could not read well are left out.

    A file's claim is let go of once its turn is over, or the generator is closed.
    """
    waiting: list[Finished] = []
    with _OtherProcess() as other:
        try:
            for file in files:
                waiting.append(file)
                other.ask(_Request(str(file.path), file.progress))
                if len(waiting) > _AHEAD:
                    yield from _take(other, waiting)
            while waiting:
                yield from _take(other, waiting)
        finally:
            for file in waiting:
                os.close(file.claim)


def _take(other: _OtherProcess, waiting: list[Finished]) -> Iterator[tuple[Finished, list[Prepared]]]:
    prepared = other.answer()
    if prepared is not None:
        yield waiting[0], prepared
    os.close(waiting.pop(0).claim)


class _OtherProcess:
    """The process that prepares. Once it is gone, whatever it is asked has no answer."""

    def __init__(self) -> None:
        self._answers = msgspec.msgpack.Decoder(list[Prepared])
        self._process = subprocess.Popen(
            [sys.executable, "-m", "entrepot.ledger.preparing"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,  # what a terminal interrupts is whoever started it
        )

    def ask(self, request: _Request) -> None:
        stdin = self._process.stdin
        try:
            if stdin is not None:
                stdin.write(msgspec.json.encode(request) + b"\n")
                stdin.flush()
        except BrokenPipeError:
            return  # it is missed when it does not answer

    def answer(self) -> list[Prepared] | None:
        stdout = self._process.stdout
        head = b"" if stdout is None else stdout.read(_LENGTH.size)
        if stdout is None or len(head) < _LENGTH.size:
            return None
        (length,) = _LENGTH.unpack(head)
        told = stdout.read(length)
        return self._answers.decode(told) if length and len(told) == length else None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()  # it only reads
        for pipe in (self._process.stdout, self._process.stdin):
            if pipe is not None:
                try:
                    pipe.close()
                except BrokenPipeError:  # what it was asked last lies in the buffer
                    continue
        self._process.wait()


def prepare(path: Path, progress: SpoolProgress) -> list[Prepared] | None:
    """What a finished file holds beyond `progress`; None where it cannot be read, or holds damage, which is to be told once."""
    try:
        records = list(read_payloads(path, progress.offset, ended=True))
    except OSError:
        return None
    if any(isinstance(payload, Damage) for payload, _ in records):
        return None
    prepared = [
        Prepared(batch_of(documents), outcomes, after) for documents, outcomes, after in batches(records, progress)
    ]
    whole = all(each.after.damaged == progress.damaged for each in prepared)
    return prepared if whole else None


def main(requests: BinaryIO, answers: BinaryIO) -> None:
    """What the other process does until nobody asks any more."""
    for line in requests:
        request = msgspec.json.decode(line, type=_Request)
        prepared = prepare(Path(request.path), request.progress)
        told = b"" if prepared is None else msgspec.msgpack.encode(prepared)
        answers.write(_LENGTH.pack(len(told)))
        answers.write(told)
        answers.flush()


if __name__ == "__main__":
    gc.disable()  # no entry leaves a cycle behind, and to look for some takes as long as the work
    try:
        main(sys.stdin.buffer, sys.stdout.buffer)
    except BrokenPipeError:
        os._exit(0)  # whoever asked is gone; nothing is left to flush
