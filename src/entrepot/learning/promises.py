"""What stands for each route between two calibrations: a file beside the ledger, written by one process and read by the gateways.

Rules of this file: it is replaced whole. It holds digests of prompts' ids and no word of any prompt. What is in it is used
for a route only if it is about the route as its reader knows it.
"""

from __future__ import annotations

import asyncio
import logging
import os
from pathlib import Path

import msgspec

from entrepot.errors import DataError
from entrepot.exchange.choices import Choices
from entrepot.routing.worth import Knob

FILE_NAME = "promises.json"
_log = logging.getLogger(__name__)


class Standing(msgspec.Struct, frozen=True):
    """A route's knob, what it is about (`Rehearsed.about`), and what has been seen since.

    `prices` are those that it was found with, `made_at` (ISO 8601) says when. `counted` are digests of the fresh prompts that it
    was tested on. `watched` fresh prompts came later, of which it lost `lost` on average. `alarm_at` is when it was found
    broken. `settings` is what it is about but for the router's version.
    """

    knob: Knob | None
    about: str
    prices: tuple[float, ...]
    made_at: str
    counted: frozenset[str] = frozenset()
    watched: int = 0
    lost: float = 0.0
    alarm_at: str | None = None
    settings: str = ""


class Promises(msgspec.Struct, frozen=True):
    """The standing of every route, by name."""

    routes: dict[str, Standing] = {}


def promises_path(directory: str | Path) -> Path:
    """Where the file is, in the folder of the ledger."""
    return Path(directory) / FILE_NAME


def read_promises(directory: str | Path) -> Promises:
    """The file's content; nothing if there is no file. Raises DataError if it cannot be read."""
    path = promises_path(directory)
    try:
        return msgspec.json.decode(path.read_bytes(), type=Promises)
    except FileNotFoundError:
        return Promises()
    except (OSError, msgspec.MsgspecError) as error:
        raise DataError(f"{path} cannot be read: {error}; remove it, and it is made anew") from error


def write_promises(directory: str | Path, promises: Promises) -> None:
    """Replace the file. Raises DataError."""
    path = promises_path(directory)
    beside = path.with_name(f"{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with beside.open("wb") as file:
            file.write(msgspec.json.encode(promises))
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    except OSError as error:
        raise DataError(f"{path} cannot be written: {error.strerror or error}") from error


def apply_promises(promises: Promises, choices: Choices) -> tuple[str, ...]:
    """Put what stands in place of what the choices were compiled with; the routes for which that could be done.

    What was withdrawn stays so where the router or the route is another by now, until it has been looked at anew.
    """
    done = []
    for name, one in promises.routes.items():
        if choices.turn(name, one.about, one.knob):
            done.append(name)
        elif one.alarm_at is not None and one.knob is not None:
            choices.withhold(name, one.knob)
    return tuple(done)


class Follower:
    """Follows the file for a gateway: what stands in it is put in place of what the choices were compiled with."""

    def __init__(self, directory: str | Path) -> None:
        self._path = promises_path(directory)
        self._seen: tuple[int, int] | None = None
        self._promises = Promises()
        self._choices: Choices | None = None

    def attach(self, choices: Choices) -> None:
        """Follow for these choices from now on, and no longer for those before."""
        self._choices = choices
        self.look()
        apply_promises(self._promises, choices)

    def look(self) -> bool:
        """Take in what changed; whether anything did. A file that cannot be read is told, and what stood stands."""
        try:
            told = self._path.stat()
        except OSError:
            return False
        if self._seen == (told.st_mtime_ns, told.st_ino):
            return False
        self._seen = (told.st_mtime_ns, told.st_ino)
        try:
            self._promises = read_promises(self._path.parent)
        except DataError as error:
            _log.error("promises stand as they were: %s", error.message)
            return False
        if self._choices is not None:
            apply_promises(self._promises, self._choices)
        return True

    async def follow(self, interval_s: float = 0.5) -> None:
        """Look again and again, until cancelled."""
        while True:
            self.look()
            await asyncio.sleep(interval_s)
