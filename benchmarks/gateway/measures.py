"""How a peer is loaded and what is noted of it."""

from __future__ import annotations

import os
import platform
import shutil
import statistics
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypeVar

import msgspec
from peers import KEY
from processes import Program

HERE = Path(__file__).resolve().parent
PATH = "/v1/chat/completions"
WARM_UPS = 40


class Load(msgspec.Struct, frozen=True):
    """What is asked: the model's name, the prompt's length, connections at once."""

    name: str
    model: str
    prompt_bytes: int
    connections: int = 16


class Asked(msgspec.Struct):
    """A peer, what it calls the model where that is not the load's, and further headers for it."""

    program: Program
    model: str | None = None
    headers: str = ""


class Figure(msgspec.Struct):
    """One peer under one load: CPU per request in milliseconds, requests per second, microseconds to an answer."""

    cpu_ms: float
    per_s: float
    p50_us: float
    p99_us: float


class Streamed(msgspec.Struct):
    """What streams through one peer came to: CPU per chunk in microseconds, how long chunks were under way from provider to
    client, the longest silence that any client heard.
    """

    streams: int
    broken: int
    cpu_us: float
    first_p50_us: float
    p50_us: float
    p99_us: float
    longest_gap_s: float


class _Seen(msgspec.Struct):
    broken: int
    chunks: int
    first_p50_us: float
    p50_us: float
    p99_us: float
    longest_gap_s: float


def machine() -> str:
    """What this was measured on."""
    model = next(
        (line.partition(":")[2].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")), ""
    )
    return f"{os.cpu_count()} x {model or platform.machine()}, {platform.system()} {platform.release().split('-')[0]}"


def measure(asked: Asked, load: Load, seconds: float) -> Figure:
    """Let wrk ask for so long. Raises RuntimeError where a request failed."""
    peer = asked.program
    command = [
        shutil.which("wrk") or "wrk", "-t1", f"-c{load.connections}", f"-d{max(1, round(seconds))}s",
        "-s", str(HERE / "load.lua"), f"http://127.0.0.1:{peer.port}", "--",
        PATH, asked.model or load.model, str(load.prompt_bytes), "0", KEY, asked.headers,
    ]  # fmt: skip
    before = peer.cpu_s()
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    used = peer.cpu_s() - before
    told = msgspec.json.decode(done.stdout.splitlines()[-1])
    if told["bad"] or told["errors"] or not told["requests"]:
        raise RuntimeError(f"{told['bad']} bad answers, {told['errors']} errors: {done.stderr[:500]}")
    per_s = told["requests"] / told["duration_us"] * 1e6
    return Figure(1000 * used / told["requests"], per_s, told["p50_us"], told["p99_us"])


def warm_up(asked: Asked, load: Load) -> None:
    """Ask until it answers: some peers take connections before they are ready. Raises RuntimeError if it never does."""
    for _ in range(WARM_UPS - 1):
        try:
            measure(asked, load, 1)
        except RuntimeError:
            continue
        return
    measure(asked, load, 1)


def in_turns(
    asked: Mapping[str, Asked], loads: Sequence[Load], seconds: float, rounds: int
) -> dict[str, dict[str, Figure]]:
    """The medians of the rounds, by load and peer."""
    for one in asked.values():
        warm_up(one, loads[0])
    found: dict[str, dict[str, list[Figure]]] = {load.name: {peer: [] for peer in asked} for load in loads}
    for _ in range(rounds):
        for load in loads:
            for peer, one in asked.items():
                found[load.name][peer].append(measure(one, load, seconds))
    return {load: {peer: _median(figures) for peer, figures in by.items()} for load, by in found.items()}


def stream(
    peer: Program, path: str, model: str, streams: int, chunks: int, interval_s: float
) -> tuple[Streamed, dict[int, float]]:
    """Read so many streams through a peer; also the most megabytes that each of its processes had meanwhile."""
    command = [sys.executable, str(HERE / "streaming.py"), "read", str(peer.port)]
    command += [str(streams), model, KEY, path, str(chunks), str(interval_s)]
    most: dict[int, float] = {}
    over = threading.Event()

    def watch() -> None:
        while not over.wait(0.5):
            for pid, megabytes in peer.resident_mb().items():
                most[pid] = max(most.get(pid, 0.0), megabytes)

    watching = threading.Thread(target=watch)
    before = peer.cpu_s()
    watching.start()
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    finally:
        over.set()
        watching.join()
    used = peer.cpu_s() - before
    seen = msgspec.json.decode(done.stdout, type=_Seen)
    cpu_us = 1e6 * used / max(1, seen.chunks)
    times = (seen.first_p50_us, seen.p50_us, seen.p99_us, seen.longest_gap_s)
    return Streamed(streams, seen.broken, cpu_us, *times), most


def stream_in_turns(
    ways: Mapping[str, tuple[Program, str]], model: str, streams: int, chunks: int, interval_s: float, rounds: int
) -> dict[str, Streamed]:
    """The medians of the rounds, by way."""
    found: dict[str, list[Streamed]] = {way: [] for way in ways}
    for _ in range(rounds):
        for way, (program, path) in ways.items():
            found[way].append(stream(program, path, model, streams, chunks, interval_s)[0])
    return {way: _median(streamed) for way, streamed in found.items()}


_One = TypeVar("_One", Figure, Streamed)


def _median(figures: Sequence[_One]) -> _One:
    middle = {name: statistics.median(getattr(one, name) for one in figures) for name in figures[0].__struct_fields__}
    return type(figures[0])(**middle)


def _lines(path: str) -> list[str]:
    try:
        return Path(path).read_text().splitlines()
    except OSError:
        return []
