"""The metrics of one process, and those of all of them on request."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Mapping
from pathlib import Path

from entrepot.exchange.records import Entry
from entrepot.telemetry.counting import Counts
from entrepot.telemetry.exposition import render
from entrepot.telemetry.families import Family
from entrepot.telemetry.processes import look_at_processes, look_at_spools
from entrepot.telemetry.series import SeriesFile, read_all

REFRESH_S = 1.0
Gauges = Mapping[tuple[Family, tuple[str, ...]], float]


class Metrics:
    """What this process, called `name`, counts. `look` says how things stand: the gauges, asked for by `refresh`."""

    def __init__(
        self, directory: str, name: str, spools: Callable[[], list[Path]], look: Callable[[], Gauges] = dict
    ) -> None:
        self._directory = directory
        self._file = SeriesFile(directory, name)
        self._spools = spools
        self.look = look
        counts = Counts(self._file)
        self.count: Callable[[Entry], None] = counts.count
        self.lose, self.refuse = counts.lose, counts.refuse

    def add(self, family: Family, amount: float, *labels: str) -> None:
        """Count more of something."""
        self._file.values[self._file.find(family, *labels)] += amount

    def refresh(self) -> None:
        """Write down how things stand now."""
        for (family, labels), value in self.look().items():
            self._file.values[self._file.find(family, *labels)] = value

    async def follow(self, stop: asyncio.Event | None = None) -> None:
        """Write it down again and again, until told to stop."""
        stop = stop or asyncio.Event()
        while not stop.is_set():
            self.refresh()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), REFRESH_S)

    def render(self) -> bytes:
        """What all processes counted, as Prometheus reads it. Reads files; may be called from any thread."""
        kept = read_all(self._directory)
        return render(kept, [*look_at_processes(kept), look_at_spools(self._spools())])

    def retire(self) -> None:
        """Say that this process is not missed: another has its place."""
        self._file.retire()

    def close(self) -> None:
        """Give the file up."""
        self._file.close()
