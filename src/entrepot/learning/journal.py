"""What a collection has got so far: a file of JSON Lines that grows by one record as each thing is known.

Rules of this file: a record is on the disk when `append` returns, and nothing is ever rewritten, so whoever is killed goes on
where they were. A last line without its end is what a kill left of a record: it is cut off. One process writes at a time. The
file holds answers, so only its owner may read it.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

import msgspec

from entrepot.errors import DataError


class Answered(msgspec.Struct, frozen=True, tag="answered"):
    """An answer. `asked` is the digest of what was sent, so that a prompt that was changed is asked again.

    Tokens are those billed; `output_tokens` has the reasoning in it. `cost_nano_usd` is None where the price is unknown, the
    log-probabilities of the answer's tokens (their mean, and the least of them) where the provider did not tell them.
    """

    prompt: str
    deployment: str
    asked: str
    exchange: str
    at: str
    text: str
    input_tokens: int
    output_tokens: int
    cost_nano_usd: int | None
    duration_ms: float
    cut_off: bool = False
    mean_logprob: float | None = None
    least_logprob: float | None = None


class Failed(msgspec.Struct, frozen=True, tag="failed"):
    """A call without an answer; a failed call may have been billed all the same."""

    prompt: str
    deployment: str
    asked: str
    exchange: str
    at: str
    status: int
    reason: str
    cost_nano_usd: int | None


class Judged(msgspec.Struct, frozen=True, tag="judged"):
    """What a judge said of an answer, in [0, 1], in one of the two orders; None where it said nothing that can be read."""

    prompt: str
    deployment: str
    asked: str
    judge: str
    exchange: str
    at: str
    score: float | None
    cost_nano_usd: int | None


Record = Answered | Failed | Judged

_DECODER = msgspec.json.Decoder(Answered | Failed | Judged)


class Journal:
    """The records of one collection, in memory and on the disk."""

    def __init__(self, path: Path) -> None:
        """Open or begin. Raises DataError if another process has it open, or it holds what is no record."""
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        self._fd = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self.records = list(self._read())
        except BlockingIOError as error:
            os.close(self._fd)
            raise DataError(f"{path} is being written by another collection; wait for it, or name another") from error
        except DataError:
            os.close(self._fd)
            raise

    def append(self, record: Record) -> None:
        """Write one down. Raises OSError where the disk does not take it."""
        line = msgspec.json.encode(record) + b"\n"
        written = os.write(self._fd, line)
        if written < len(line):
            os.ftruncate(self._fd, os.fstat(self._fd).st_size - written)
            raise OSError(f"no room for a record in {self.path}")
        os.fsync(self._fd)
        self.records.append(record)

    def _read(self) -> Iterator[Record]:
        data = self.path.read_bytes()
        whole = data.rfind(b"\n") + 1
        if whole < len(data):
            os.ftruncate(self._fd, whole)
        for number, line in enumerate(data[:whole].splitlines(), 1):
            try:
                yield _DECODER.decode(line)
            except (msgspec.MsgspecError, UnicodeDecodeError) as error:
                raise DataError(
                    f"{self.path}, line {number}: not a record of a collection; name another file"
                ) from error

    def __enter__(self) -> Journal:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._fd)
