"""What the ledger costs: appending to a spool, ingesting spools, reports over many rows.

    python benchmarks/bench_ledger.py [--rows 1000000] [--weighed 10]

Rows are made of one realistic entry (ten candidates weighed, one attempt), as close to each other as ten million a year are; 200
keys of 12 teams. Nothing is asserted: the numbers are printed. Ten million rows take 50 GB and half an hour, half as much
with --weighed 1. With --a-year as large as --rows they are spread over the whole year: the roll-ups are then nearly as large as
those of ten million.
"""

from __future__ import annotations

import argparse
import gc
import os
import random
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import msgspec

from entrepot.exchange.records import Baseline, Entry, Served
from entrepot.ledger.checks import FIRST_NS, SAMPLE_SERVED, sample_entry
from entrepot.ledger.ingest import Ingester
from entrepot.ledger.lookup import find_entry
from entrepot.ledger.place import LedgerPlace
from entrepot.ledger.spool import Durability, SpoolWriter
from entrepot.ledger.store import Period
from entrepot.reports.added_time import measure_added_time
from entrepot.reports.savings import measure_savings
from entrepot.reports.share import measure_share
from entrepot.routing.utility import Decision, Weighed

YEAR_NS = 365 * 86_400 * 1_000_000_000
CHUNK = 200_000
MODELS = (
    "qwen3-max",
    "deepseek-v3.2",
    "kimi-k2",
    "glm-4.6",
    "llama-4",
    "gpt-5",
    "claude-opus",
    "gemini-3",
    "phi-5",
    "m2",
)
PLACES = tuple(
    msgspec.structs.replace(SAMPLE_SERVED, deployment=f"host/{model}", model=model, on_premises=place == 4)
    for place, model in enumerate(MODELS)
)


class Traffic(NamedTuple):
    """How many exchanges a year has, how many candidates each decision weighed, of how many teams each key's exchanges are."""

    a_year: int = 10_000_000
    weighed: int = len(MODELS)
    teams_a_key: int = 1


def make_entry(number: int, chance: random.Random, traffic: Traffic) -> Entry:
    """The `number`th exchange."""
    served: Served = chance.choice(PLACES)
    key = chance.randrange(200)
    return msgspec.structs.replace(
        sample_entry(number),
        started_ns=FIRST_NS + number * (YEAR_NS // traffic.a_year),
        served=served,
        key=f"key-{key}",
        team=f"team-{(key + chance.randrange(traffic.teams_a_key)) % 12}",
        cost_nano_usd=chance.randrange(10_000, 5_000_000),
        added_ms=chance.lognormvariate(-1, 0.5),
        baseline=Baseline("host/gpt-5", "gpt-5", chance.randrange(1_000_000, 9_000_000), 500_000, measured=False),
        decision=Decision(
            order=tuple(place.deployment for place in PLACES[: traffic.weighed]),
            candidates=tuple(
                Weighed(place.deployment, place.model, 0.8, 0.05, 412.5, 0.00123, "outcomes")
                for place in PLACES[: traffic.weighed]
            ),
            reason="the cheapest predicted to stay within 2 points of gpt-5",
            reference="host/gpt-5",
            router="linear-2026-01-4f3a",
        ),
    )


def seconds(work: Callable[[], object], repeats: int = 1) -> float:
    """The best of some runs."""
    best = float("inf")
    for _ in range(repeats):
        began = time.perf_counter()
        work()
        best = min(best, time.perf_counter() - began)
    return best


def bench_append(directory: Path, durability: Durability, count: int) -> None:
    """Microseconds an append takes."""
    entry = make_entry(0, random.Random(1), Traffic())  # noqa: S311 - made-up rows
    size = len(msgspec.msgpack.encode(entry))
    with SpoolWriter(directory / durability, "bench", durability=durability) as spool:

        def append_all() -> None:
            for _ in range(count):
                spool.append(entry)

        taken = seconds(append_all, repeats=5 if durability == "process" else 1)
    print(f"append, durability {durability}: {1e6 * taken / count:.1f} µs ({size} bytes an entry)")


def bench_ingest(place: LedgerPlace, rows: int, traffic: Traffic) -> None:
    """Rows a second, spool files written beforehand, CHUNK rows at a time."""
    chance = random.Random(2)  # noqa: S311 - made-up rows
    taken = cpu = 0.0
    directory = place.directory
    with place.open_store() as store:
        ingester = Ingester(store, directory)
        for first in range(0, rows, CHUNK):
            with SpoolWriter(directory, "bench") as spool:
                for number in range(first, min(first + CHUNK, rows)):
                    spool.append(make_entry(number, chance, traffic))
            began, cpu_began = time.perf_counter(), time.process_time()
            ingester.run_once()
            taken, cpu = taken + time.perf_counter() - began, cpu + time.process_time() - cpu_began
    print(f"ingest: {rows / taken:,.0f} rows/s, {rows / cpu:,.0f} rows per second of this process's CPU")
    size = sum(path.stat().st_size for path in directory.glob("ledger.db*"))
    if size:
        print(f"{size / rows:.0f} bytes a row")


def bench_reports(place: LedgerPlace) -> None:
    """Milliseconds of each report over all rows and over a week."""
    week = Period(FIRST_NS + 3600 * 10**9, FIRST_NS + YEAR_NS // 52)
    with place.open_reader() as reader:
        rows = reader.totals().exchanges
        for name, period in ((f"{rows:,} rows", Period()), ("one week of them", week)):
            for report, work in (
                ("savings", lambda period=period: measure_savings(reader, period)),
                ("share by model", lambda period=period: measure_share(reader, "model", period)),
                ("share by key", lambda period=period: measure_share(reader, "key", period)),
                ("added time", lambda period=period: measure_added_time(reader, period)),
            ):
                print(f"{report} over {name}: {1e3 * seconds(work, repeats=2):.0f} ms")
    last = sample_entry(rows - 1).id
    print(f"find one entry, ledger opened for it: {1e3 * seconds(lambda: find_entry(place, last), 5):.2f} ms")


def main() -> None:
    """Run them all in a directory that is deleted afterwards."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--a-year", type=int, default=10_000_000, help="how close to each other exchanges are")
    parser.add_argument("--weighed", type=int, default=len(MODELS), help="candidates in each decision")
    parser.add_argument("--teams-a-key", type=int, default=1, help="how many teams each key's exchanges are of")
    parser.add_argument("--database", help="the URL of an empty PostgreSQL database, in place of SQLite")
    parser.add_argument("--directory", help="where to put the ledger meanwhile (default: the system's temporary one)")
    options = parser.parse_args()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)  # as the control process does
    with tempfile.TemporaryDirectory(dir=options.directory) as name:
        directory = Path(name)
        bench_append(directory, "process", 2000)
        bench_append(directory, "fsync", 200)
        place = LedgerPlace(directory / "ledger", options.database)
        bench_ingest(place, options.rows, Traffic(options.a_year, options.weighed, options.teams_a_key))
        bench_reports(place)
        print(f"cores: {os.cpu_count()}, load: {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
