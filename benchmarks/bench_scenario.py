"""How long a scenario takes over many decisions: reading documents, reading what was kept of them, and replaying.

    OPENBLAS_NUM_THREADS=1 python benchmarks/bench_scenario.py [--rows 1000000]

A few thousand requests are decided by the planner of `examples/scenarios`, with the shipped router; their columns are repeated
with estimates that differ, over thirty days. Nothing is asserted: wall and processor seconds are printed.
"""

from __future__ import annotations

import argparse
import os
import random
import resource
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TypeVar

import msgspec
import numpy as np

from entrepot.assembly import build_planner
from entrepot.canonical.request import Message, Request, Text
from entrepot.canonical.response import Usage
from entrepot.catalog.load import load_catalog
from entrepot.cli.scenario_stage import Stage
from entrepot.exchange.entries import served_by
from entrepot.exchange.planning import Considered
from entrepot.exchange.records import AttemptRecord, Entry
from entrepot.exchange.steering import Steering
from entrepot.ledger.sqlite import open_sqlite, open_sqlite_reader
from entrepot.ledger.store import Period
from entrepot.policy.teams import parents_of
from entrepot.reports.scenario.columns import Decisions, read_columns
from entrepot.reports.scenario.exits import rank_exits
from entrepot.reports.scenario.kept import FOLDER, write_day
from entrepot.settings.load import load_settings
from entrepot.settings.principals import principal_of
from entrepot.settings.scenarios import load_scenario
from entrepot.settings.schema import Settings

EXAMPLES = Path(__file__).parent.parent / "examples" / "scenarios"
FIRST_NS = 1_788_220_800_000_000_000  # 2026-09-01
DAY_NS = 86_400 * 1_000_000_000
DAYS = 30
WORDS = (
    "prove that the sum of cubes is translate contract into French def x return 合同 第三条 haiku list every".split()
)
T = TypeVar("T")


def timed(what: str, work: Callable[[], T]) -> T:
    """Do it, and print wall and processor seconds."""
    began, used = time.perf_counter(), time.process_time()
    found = work()
    print(f"{what}: {time.perf_counter() - began:.2f} s, {time.process_time() - used:.2f} s of processor time")
    return found


def make_entries(settings: Settings, count: int) -> list[Entry]:
    """Requests of one day, decided as the gateway would."""
    chance = random.Random(1)  # noqa: S311 - made-up prompts
    planner, parents = build_planner(settings), parents_of(settings.teams)
    hosts = {one.id: one for one in settings.deployments}
    found: list[Entry] = []
    while len(found) < count:
        asked = chance.choices(["auto", "batch", "gpt-6.1-sol"], [8, 1, 1])[0]
        text = " ".join(chance.choices(WORDS, k=chance.randint(3, 200)))
        key = chance.choice(settings.keys)
        started_ns = FIRST_NS + len(found) * (DAY_NS // count)
        considered = planner.consider(
            Request(asked, (Message("user", (Text(text),)),)),
            principal_of(key, parents),
            Steering(),
            f"exchange {len(found)}",
            started_ns / 1e9,
        )
        if not isinstance(considered, Considered):
            continue
        host = hosts[considered.decision.chosen]
        usage = Usage(considered.input_tokens, output_tokens=chance.randint(20, 2000))
        attempt = AttemptRecord(
            0, host.id, host.model, host.provider, 200, 900.0, usage=usage, cost_nano_usd=1000, answered=True
        )
        found.append(
            Entry(
                id=f"019b0000-0000-7000-8000-{len(found):012x}",
                started_ns=started_ns,
                state="completed",
                status=200,
                dialect="openai-chat",
                asked_model=asked,
                stream=False,
                duration_ms=1000.0,
                added_ms=1.0,
                key=key.name,
                team=key.team,
                tags=tuple(sorted(considered.principal.tags)),
                route=None if considered.route is None else considered.route.name,
                served=served_by(host),
                usage=usage,
                cost_nano_usd=1000,
                attempts=(attempt,),
                decision=considered.decision,
                grounds=considered.grounds,
            )
        )
    return found


def repeat(decisions: Decisions, rows: int, day: int) -> Decisions:
    """About so many decisions of one day: the same again, each with other estimates."""
    chance = np.random.default_rng(day)
    times = max(1, rows // len(decisions))
    entries = {name: np.tile(values, times) for name, values in decisions.by_entry.items()}
    candidates = {name: np.tile(values, times) for name, values in decisions.by_candidate.items()}
    entries["started_ns"] = np.sort(FIRST_NS + day * DAY_NS + chance.integers(0, DAY_NS, len(entries["started_ns"])))
    noise = chance.normal(0, 0.03, len(candidates["p_correct"])).astype(np.float32)
    candidates["p_correct"] = np.clip(candidates["p_correct"] + noise, 0.01, 0.99)
    return msgspec.structs.replace(decisions, by_entry=entries, by_candidate=candidates)


def main() -> None:
    """Run them all in a directory that is deleted afterwards."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--made", type=int, default=3000, help="how many are decided by the planner")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        file = Path(name) / "entrepot.toml"
        file.write_text((EXAMPLES / "entrepot.toml").read_text(encoding="utf-8"), encoding="utf-8")
        settings = load_settings(file, {})
        directory = Path(settings.ledger.directory)
        entries = timed(f"{options.made:,} requests decided", lambda: make_entries(settings, options.made))
        documents = [msgspec.msgpack.encode(entry) for entry in entries]
        size = sum(map(len, documents)) / len(documents)
        decisions = timed(f"{options.made:,} documents of {size:,.0f} bytes read", lambda: read_columns(documents))
        with open_sqlite(directory) as store:  # one entry a day, so that the ledger knows the days
            for day in range(DAYS):
                started_ns = FIRST_NS + day * DAY_NS
                store.insert([msgspec.structs.replace(entries[0], id=f"{day:036d}", started_ns=started_ns)])
        for day in range(DAYS):
            date = time.strftime("%Y-%m-%d", time.gmtime((FIRST_NS + day * DAY_NS) // 1_000_000_000))
            write_day(directory / FOLDER / f"{date}.npz", repeat(decisions, options.rows // DAYS, day), 1)
        kept = sum(path.stat().st_size for path in (directory / FOLDER).iterdir())
        scenarios = [
            load_scenario(path, settings, load_catalog(), {})
            for path in sorted(EXAMPLES.glob("*.toml"))
            if path.stem != "entrepot"
        ]
        with open_sqlite_reader(directory) as reader:
            stage = timed(
                "what was kept read, and replayed under today's facts",
                lambda: Stage(settings, reader, directory, Period(), scenarios),
            )
        print(f"{len(stage.replay.decisions):,} decisions, {kept / len(stage.replay.decisions):.0f} bytes kept of each")
        for scenario in scenarios:
            timed(f"scenario {scenario.title}", partial(stage.compare, scenario))
        timed("all single failures", lambda: rank_exits(stage.replay))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"most memory: {peak:,.0f} MB; cores: {os.cpu_count()}, load: {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
