"""What is found of an installation at the time of a scrape: which processes run, what they take, what the spools hold."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from entrepot import __version__
from entrepot.telemetry.exposition import Sample
from entrepot.telemetry.families import INFO, PROCESS_CPU, PROCESS_MEMORY, PROCESS_START, PROCESS_UP, SPOOL_FILES
from entrepot.telemetry.series import Kept

_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


def look_at_processes(kept: Sequence[Kept]) -> Iterator[Sample]:
    """Each process: whether it runs, since when, and what it takes where the system shows it in /proc."""
    yield Sample(INFO, (__version__,), 1)
    for each in kept:
        if not each.alive and not each.pid:
            continue  # another has its place
        yield Sample(PROCESS_UP, (each.process,), 1 if each.alive else 0)
        yield Sample(PROCESS_START, (each.process,), each.started_s)
        taken = _taken(each.pid) if each.alive else None
        if taken is not None:
            cpu_s, resident_bytes = taken
            yield Sample(PROCESS_CPU, (each.process,), cpu_s)
            yield Sample(PROCESS_MEMORY, (each.process,), resident_bytes)


def look_at_spools(paths: Sequence[Path]) -> Sample:
    """What the files of spools hold, be it in the ledger already or not."""
    total = 0
    for path in paths:
        try:
            total += path.stat().st_size
        except FileNotFoundError:
            continue  # it was ingested meanwhile
    return Sample(SPOOL_FILES, (), total)


def _taken(pid: int) -> tuple[float, float] | None:
    """Processor seconds and resident bytes of a process (proc(5), fields 14, 15 and 24 of stat)."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
    except OSError:
        return None
    fields = text.rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS, int(fields[21]) * _PAGE_BYTES
