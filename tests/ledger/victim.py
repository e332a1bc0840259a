"""A process that appends to a spool for ever, and is killed while it does.

It says how far it is in shared memory (a mapped file), not through a pipe: on a full pipe it would wait, and the kill would
never meet it at work. What it has told survives it.
"""

from __future__ import annotations

import mmap
import subprocess
import sys
import time
from pathlib import Path
from typing import Self

from entrepot.ledger.checks import sample_entry
from entrepot.ledger.spool import SpoolWriter


class Victim:
    """Appends the entries `first`, `first + 1`… to a spool in `directory` until it is killed; rests `pause_s` after each."""

    def __init__(self, directory: Path, first: int, *, rotate_bytes: int, pause_s: float = 0.0) -> None:
        self.first = first
        told = directory / f"told-{first}"
        told.write_bytes(bytes(8))
        with told.open("r+b") as file:
            self._told = memoryview(mmap.mmap(file.fileno(), 8)).cast("q")
        command = [sys.executable, "-m", "tests.ledger.victim", str(directory), str(told)]
        command += [str(first), str(rotate_bytes), str(pause_s)]
        self._process = subprocess.Popen(command)

    def acknowledged(self) -> range:
        """The numbers of the entries for which append() has returned."""
        return range(self.first, self.first + self._told[0])

    def wait_for(self, count: int) -> None:
        """Until so many appends have returned."""
        while self._told[0] < count:
            assert self._process.poll() is None, "it died on its own"
            time.sleep(0.0005)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()  # also when the test fails: it would go on for ever

    def kill(self) -> range:
        """SIGKILL; what it had acknowledged by then."""
        self._process.kill()
        self._process.wait()
        return self.acknowledged()


def main(directory: str, told: str, first: str, rotate_bytes: str, pause_s: str) -> None:
    """What the process does."""
    with Path(told).open("r+b") as file:
        count = memoryview(mmap.mmap(file.fileno(), 8)).cast("q")
    spool = SpoolWriter(directory, "victim", rotate_bytes=int(rotate_bytes))
    while True:
        spool.append(sample_entry(int(first) + count[0]))
        count[0] += 1
        if float(pause_s):
            time.sleep(float(pause_s))


if __name__ == "__main__":
    main(*sys.argv[1:])
