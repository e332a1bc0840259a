"""Files that are there once they are whole, readable by their owner alone."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec


class WholeFile:
    """A file that is there once it is whole: `finish`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._unfinished = path.with_name(f"{path.name}.unfinished")
        self._file = os.fdopen(os.open(self._unfinished, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600), "wb")
        self._hash = hashlib.sha256()

    def add(self, value: object) -> None:
        """One more line."""
        self.write(msgspec.json.encode(value) + b"\n")

    def write(self, data: bytes) -> None:
        """More of it."""
        self._hash.update(data)
        self._file.write(data)

    def digest(self) -> str:
        """The SHA-256 of what was written, in hex."""
        return self._hash.hexdigest()

    def finish(self) -> None:
        """Put it in its place."""
        self._file.close()
        self._unfinished.replace(self.path)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()
        self._unfinished.unlink(missing_ok=True)
