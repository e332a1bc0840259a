"""Decisions as columns, kept beside the ledger by the day, so that a scenario that runs every night reads one day anew.

Rules of this file: what is kept is made of the ledger and may be deleted at any time. A day is read anew as soon as it does not
have as many entries as the ledger says, so that what comes late is not missed and what is erased does not stay. Half-written
files are never seen.
"""

from __future__ import annotations

import contextlib
import gc
import secrets
import zipfile
from collections.abc import Iterator
from datetime import UTC, date, datetime, time
from pathlib import Path

import msgspec
import numpy as np

from entrepot.errors import LedgerError
from entrepot.ledger.store import LedgerReader, Period
from entrepot.reports.scenario.block import join
from entrepot.reports.scenario.columns import BY_CANDIDATE, BY_ENTRY, Decisions, Kind, read_columns

FOLDER = "replay"
_FORMAT = 1
_DAY_NS = 86_400 * 1_000_000_000


class _Head(msgspec.Struct, frozen=True):
    """What is in a file beside arrays. `exchanges` is how many entries the ledger had of that day."""

    format: int
    exchanges: int
    kinds: tuple[Kind, ...]
    deployments: tuple[str, ...]
    models: tuple[str, ...]
    left_out: int


_HEAD = msgspec.msgpack.Decoder(_Head)


def load_decisions(reader: LedgerReader, directory: Path | None, period: Period) -> Decisions:
    """The decisions of a period, in the order of their beginning. `directory` None: nothing is kept.

    Raises LedgerError if the ledger cannot answer, or holds an entry that this version cannot read.
    """
    folder = None if directory is None else directory / FOLDER
    counts = {str(group.values[0]): group.sums.exchanges for group in reader.totals_by(("day",))}
    parts = []
    for day in sorted(counts):
        starts_ns = _starts_ns(day)
        if _touches(period, starts_ns):
            part = _load_day(reader, folder, day, starts_ns, counts[day])
            parts.append(part if _holds(period, starts_ns) else _cut(part, period))
    return join(parts)


def drop_kept(directory: Path) -> None:
    """Delete all that is kept beside the ledger in `directory`: of what was erased there, nothing may stay."""
    for path in (directory / FOLDER).glob("*.npz*"):
        path.unlink(missing_ok=True)


def _load_day(reader: LedgerReader, folder: Path | None, day: str, starts_ns: int, exchanges: int) -> Decisions:
    path = None if folder is None else folder / f"{day}.npz"
    if path is not None and (found := _read(path, exchanges)) is not None:
        return found
    try:
        with _without_collecting():
            made = read_columns(reader.documents(Period(starts_ns, starts_ns + _DAY_NS)))
    except msgspec.MsgspecError as error:
        raise LedgerError(f"an entry of {day} cannot be read by this version: {error}") from error
    if path is not None:
        with contextlib.suppress(OSError):  # a disk that is full, or not ours to write on, costs time and nothing else
            write_day(path, made, exchanges)
    return made


@contextlib.contextmanager
def _without_collecting() -> Iterator[None]:
    """What is read leaves no cycles behind; to look for some among it takes a quarter of the time."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _read(path: Path, exchanges: int) -> Decisions | None:
    """What is kept of a day; None where nothing is, or not what the ledger holds now."""
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as kept:
            head = _HEAD.decode(kept["head"].tobytes())
            if head.format != _FORMAT or head.exchanges != exchanges:
                return None
            return Decisions(
                head.kinds,
                head.deployments,
                head.models,
                {name: kept[f"entry.{name}"] for name in BY_ENTRY},
                {name: kept[f"candidate.{name}"] for name in BY_CANDIDATE},
                head.left_out,
            )
    except (OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile, msgspec.MsgspecError):
        return None


def write_day(path: Path, made: Decisions, exchanges: int) -> None:
    """Keep a day, of which the ledger has so many entries. Raises OSError."""
    path.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
    head = _Head(_FORMAT, exchanges, made.kinds, made.deployments, made.models, made.left_out)
    arrays = {"head": np.frombuffer(msgspec.msgpack.encode(head), np.uint8)}
    arrays.update((f"entry.{name}", values) for name, values in made.by_entry.items())
    arrays.update((f"candidate.{name}", values) for name, values in made.by_candidate.items())
    fresh = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        with fresh.open("wb") as file:
            np.savez(file, allow_pickle=False, **arrays)
        fresh.replace(path)
    except BaseException:
        fresh.unlink(missing_ok=True)
        raise


def _cut(part: Decisions, period: Period) -> Decisions:
    """The decisions of a day that are in the period. What was left out of the day is not told apart."""
    started = part.by_entry["started_ns"]
    inside = np.ones(len(started), bool)
    if period.since_ns is not None:
        inside &= started >= period.since_ns
    if period.until_ns is not None:
        inside &= started < period.until_ns
    of_candidate = np.repeat(inside, part.by_entry["count"])
    return msgspec.structs.replace(
        part,
        by_entry={name: values[inside] for name, values in part.by_entry.items()},
        by_candidate={name: values[of_candidate] for name, values in part.by_candidate.items()},
    )


def _starts_ns(day: str) -> int:
    return round(datetime.combine(date.fromisoformat(day), time(), UTC).timestamp()) * 1_000_000_000


def _touches(period: Period, starts_ns: int) -> bool:
    until, since = period.until_ns, period.since_ns
    return (until is None or starts_ns < until) and (since is None or starts_ns + _DAY_NS > since)


def _holds(period: Period, starts_ns: int) -> bool:
    until, since = period.until_ns, period.since_ns
    return (until is None or starts_ns + _DAY_NS <= until) and (since is None or starts_ns >= since)
