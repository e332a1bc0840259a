"""Entries added up to the series of metrics that a collector is sent.

Rules of this file: it runs for every entry on its way into the ledger, where the SDK's own instruments would take twice as
long as all the rest of that; it knows nothing of the SDK. Series are sums since `started_ns` and are never dropped: their labels
are words of the settings.
"""

from __future__ import annotations

import threading
from bisect import bisect_left
from collections.abc import Sequence

import msgspec

from entrepot.exchange.records import Entry
from entrepot.telemetry.genai import Attributes, Hosts
from entrepot.telemetry.measures import INSTRUMENTS, Instrument, measures_of

_BY_NAME = {each.name: each for each in INSTRUMENTS}


class Series(msgspec.Struct):
    """What was measured with the same attributes. `counts` are by bucket, the last for all beyond; empty of a counter."""

    instrument: Instrument
    attributes: Attributes
    counts: list[int]
    total: float = 0
    least: float = float("inf")
    most: float = float("-inf")


class Sums:
    """The series of this process. One thread may add while another reads."""

    def __init__(self, hosts: Hosts, started_ns: int) -> None:
        self.started_ns = started_ns
        self._hosts = hosts
        self._lock = threading.Lock()
        self._series: dict[object, Series] = {}

    def add(self, entries: Sequence[Entry]) -> None:
        """Add what these took."""
        with self._lock:
            for entry in entries:
                self._add(entry)

    def read(self) -> list[Series]:
        """How the series stand."""
        with self._lock:
            return [msgspec.structs.replace(each, counts=list(each.counts)) for each in self._series.values()]

    def _add(self, entry: Entry) -> None:
        for measured in measures_of(entry, self._hosts):
            key = measured.instrument, *measured.attributes.items()
            series = self._series.get(key)
            if series is None:
                instrument = _BY_NAME[measured.instrument]
                counts = [0] * (len(instrument.bounds) + 1) if instrument.bounds else []
                series = self._series[key] = Series(instrument, measured.attributes, counts)
            amount = measured.amount
            series.total += amount
            if series.counts:
                series.counts[bisect_left(series.instrument.bounds, amount)] += 1
                series.least = min(series.least, amount)
                series.most = max(series.most, amount)
