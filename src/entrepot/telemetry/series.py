"""The numbers of one process, in a file that every other process can read.

Rules of this file: one process writes a file, maps it and holds its lock; a number is one aligned double, so a reader sees it
before or after a change, never within. A process that is started again goes on in the file of the one before: counters
never fall while an installation runs, gauges begin at 0. Series are only ever added; `used` counts one when it is whole.
What there is no room for is counted in `DROPPED`.

The file: `_HEAD`, then for each series its key's length and number of values (`_SERIES`), the key (msgpack: family and labels),
zeros up to a multiple of 8, the values.
"""

from __future__ import annotations

import contextlib
import fcntl
import logging
import mmap
import os
import struct
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec

from entrepot.telemetry.families import BY_NAME, DROPPED, Family

METRICS_FOLDER = "metrics"
SUFFIX = ".metrics"
ROOM_BYTES = 1024 * 1024
_MAGIC = b"entmet1\n"
_HEAD = struct.Struct("<8sQQd")
"""Magic, bytes used, the writer's process id, when it began (Unix time)."""
_USED = struct.Struct("<Q")
_USED_AT = 8
_PID = struct.Struct("<Q")
_PID_AT = 16
_SERIES = struct.Struct("<II")
_DOUBLE = 8
_log = logging.getLogger(__name__)

Key = tuple[str, ...]


class Kept(msgspec.Struct, frozen=True):
    """What a file holds: its process, and the values of every series. `alive` says that the process runs; `pid` is 0 of one that
    nobody misses.
    """

    process: str
    pid: int
    started_s: float
    alive: bool
    series: dict[Key, tuple[float, ...]]


def metrics_folder(directory: str | Path) -> Path:
    """Where the processes of an installation keep their numbers: beside its ledger in `directory`."""
    return Path(directory) / METRICS_FOLDER


def clear_metrics(directory: str | Path) -> None:
    """Begin at 0: an installation starts. Only while none of its processes runs."""
    for path in metrics_folder(directory).glob(f"*{SUFFIX}"):
        with contextlib.suppress(FileNotFoundError):
            path.unlink()


def retire_metrics(directory: str | Path, name: str) -> None:
    """Say of a process that has ended that it is not missed, where it could not say so itself. What it counted stays."""
    with contextlib.suppress(OSError):
        fd = os.open(metrics_folder(directory) / f"{name}{SUFFIX}", os.O_RDWR | os.O_CLOEXEC)
        try:
            if _can_lock(fd) and os.pread(fd, len(_MAGIC), 0) == _MAGIC:
                os.pwrite(fd, _PID.pack(0), _PID_AT)
        finally:
            os.close(fd)


class SeriesFile:
    """The numbers of this process, called `name`. Used by one thread.

    Where there can be no such file they are kept in memory, seen by nobody: metrics are no reason not to serve.
    """

    def __init__(self, directory: str | Path, name: str, room_bytes: int = ROOM_BYTES) -> None:
        self._fd = -1
        kept = None
        try:
            self._fd, kept = _open(metrics_folder(directory) / f"{name}{SUFFIX}", room_bytes)
        except OSError as error:
            _log.error("the metrics of %s are not kept in %s: %s", name, metrics_folder(directory), error.strerror)
        self._map = mmap.mmap(self._fd, room_bytes)
        self.values = memoryview(self._map).cast("d")
        self._places: dict[Key, int] = {}
        self._used = _HEAD.size
        self._begin()
        for key, values in {} if kept is None else kept.items():
            self._restore(key, values)
        self._dropped = self.find(DROPPED)

    def find(self, family: Family, *labels: str) -> int:
        """Where in `values` a series begins: its number; of a histogram its counts by bucket, one for all beyond, and its sum."""
        key = (family.name, *labels)
        place = self._places.get(key)
        if place is None:
            place = self._add(key, width_of(family))
        return place

    def retire(self) -> None:
        """Say that this process is not missed: another has its place."""
        _HEAD.pack_into(self._map, 0, _MAGIC, self._used, 0, 0.0)

    def close(self) -> None:
        """Give the file up; what it holds stays counted."""
        self.values.release()
        self._map.close()
        if self._fd >= 0:
            os.close(self._fd)

    def _begin(self) -> None:
        _HEAD.pack_into(self._map, 0, _MAGIC, self._used, os.getpid(), time.time())

    def _restore(self, key: Key, values: tuple[float, ...]) -> None:
        family = BY_NAME.get(key[0])
        if family is None or len(values) != width_of(family) or len(key) != 1 + len(family.labels):
            return  # of another version
        place = self._add(key, len(values))
        for offset, value in enumerate(values):
            self.values[place + offset] = 0.0 if family.kind == "gauge" else value

    def _add(self, key: Key, width: int) -> int:
        encoded = msgspec.msgpack.encode(key)
        at = self._used + _SERIES.size + len(encoded)
        at += -at % _DOUBLE
        end = at + width * _DOUBLE
        spare = 0 if key == (DROPPED.name,) else 512
        if end + spare > len(self._map):
            # Counted where nobody looks: behind the end there is room for no more than one of the widest.
            return self._spill(width)
        _SERIES.pack_into(self._map, self._used, len(encoded), width)
        self._map[self._used + _SERIES.size : self._used + _SERIES.size + len(encoded)] = encoded
        self._map[at:end] = bytes(end - at)
        self._used = end
        _USED.pack_into(self._map, _USED_AT, end)
        place = at // _DOUBLE
        self._places[key] = place
        return place

    def _spill(self, width: int) -> int:
        self.values[self._dropped] += 1
        return len(self.values) - width


def width_of(family: Family) -> int:
    """How many numbers a series of it has."""
    return len(family.buckets) + 2 if family.kind == "histogram" else 1


def _open(path: Path, room_bytes: int) -> tuple[int, dict[Key, tuple[float, ...]] | None]:
    """The file of this process, locked, and what was in it. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
    try:
        for last in (False,) * 100 + (True,):
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if last:
                    raise
                time.sleep(0.01)  # a reader looks whether anybody lives
        kept = _read(fd)
        os.posix_fallocate(fd, 0, room_bytes)  # to write to a page that the disk has no room for would be our death
    except OSError:
        os.close(fd)
        raise
    return fd, kept


def read_all(directory: str | Path) -> list[Kept]:
    """What every process of an installation has counted, by name; a file that cannot be read is left out."""
    found = []
    for path in sorted(metrics_folder(directory).glob(f"*{SUFFIX}")):
        try:
            fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            continue
        try:
            alive = not _can_lock(fd)
            series = _read(fd)
            head = os.pread(fd, _HEAD.size, 0)
        finally:
            os.close(fd)
        if series is not None:
            _, _, pid, started_s = _HEAD.unpack(head)
            found.append(Kept(path.name.removesuffix(SUFFIX), pid, started_s, alive, series))
    return found


def _can_lock(fd: int) -> bool:
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _read(fd: int) -> dict[Key, tuple[float, ...]] | None:
    """The series of a file, None if it is none."""
    head = os.pread(fd, _HEAD.size, 0)
    if len(head) < _HEAD.size or not head.startswith(_MAGIC):
        return None
    used = min(_HEAD.unpack(head)[1], os.fstat(fd).st_size)
    data = os.pread(fd, used, 0)
    try:
        return dict(_series(data))
    except (struct.error, msgspec.MsgspecError):
        return None


def _series(data: bytes) -> Iterator[tuple[Key, tuple[float, ...]]]:
    at = _HEAD.size
    while at < len(data):
        length, width = _SERIES.unpack_from(data, at)
        at += _SERIES.size
        key = msgspec.msgpack.decode(data[at : at + length], type=tuple[str, ...])
        at += length
        at += -at % _DOUBLE
        yield key, struct.unpack_from(f"={width}d", data, at)
        at += width * _DOUBLE
