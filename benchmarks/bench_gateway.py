"""What a request through the gateway costs, beside nginx, LiteLLM and Portkey's gateway, in turns, in one run on one machine.

    python benchmarks/bench_gateway.py [--only exchanges,streams,open,processes,growth] [--seconds 5] [--rounds 3]
        [--litellm PROGRAM] [--portkey START-SERVER.JS] [--open 5000] [--json] [--show]

Needs `nginx` and `wrk`; a peer that is not installed is left out. CPU is what the operating system accounts to a peer's
processes, all of them; times are those of the load. A figure is the median of the rounds; peers take turns within a round, so
that what else the machine does falls on all alike. Nothing is asserted: the numbers are printed.
"""

from __future__ import annotations

import argparse
import math
import platform
import shutil
import sys
import tempfile
import time
from pathlib import Path

import msgspec

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE / "gateway"))

import measures  # noqa: E402 - beside this file
import peers  # noqa: E402 - the same
from measures import Asked, Figure, Load, Streamed  # noqa: E402 - the same

FIXED = "openai/gpt-4o-2024-08-06"
LOADS = (
    Load("fixed, 200 B", FIXED, 200),
    Load("fixed, 2 kB", FIXED, 2_000),
    Load("learned, 200 B", "auto", 200),
    Load("learned, 2 kB", "auto", 2_000),
    Load("fixed, 200 B, one connection", FIXED, 200, 1),
    Load("learned, 2 kB, one connection", "auto", 2_000, 1),
)
SIZES = (200, 2_000, 20_000, 200_000)
CHAT, MESSAGES = "/v1/chat/completions", "/v1/messages"


class Found(msgspec.Struct):
    """Everything that was measured. A section that was not asked for is empty."""

    machine: str
    exchanges: dict[str, dict[str, Figure]] = {}
    start_s: dict[str, float] = {}
    largest_mb: dict[str, float] = {}
    streams: dict[str, Streamed] = {}
    open: dict[str, Streamed] = {}
    kb_a_stream: dict[str, float] = {}
    processes: dict[str, Figure] = {}
    growth: dict[str, Figure] = {}


def measure_exchanges(given: argparse.Namespace, folder: Path, found: Found) -> None:
    """Whole answers: every load at every peer."""
    provider = peers.start_provider(folder)
    asked = {
        "nginx": Asked(peers.start_nginx(folder, provider.port)),
        "entrepot": Asked(peers.start_ours(folder / "ours", provider.port)),
    }
    try:
        if given.portkey:
            headers = peers.portkey_headers(provider.port)
            asked["portkey"] = Asked(peers.start_portkey(folder, given.portkey), "fixed", headers)
        if given.litellm:
            asked["litellm"] = Asked(peers.start_litellm(folder, provider.port, given.litellm), "fixed")
        found.largest_mb = {name: max(one.program.resident_mb().values()) for name, one in asked.items()}
        found.start_s = {name: one.program.start_s for name, one in asked.items()}
        found.exchanges = measures.in_turns(asked, LOADS[: given.loads], given.seconds, given.rounds)
    finally:
        for one in asked.values():
            one.program.stop()
        provider.stop()


def measure_streams(given: argparse.Namespace, folder: Path, found: Found) -> None:
    """A chunk relayed: the same dialect on both sides, and a translation."""
    provider = peers.start_streams(folder)
    nginx, ours = peers.start_nginx(folder, provider.port), peers.start_ours(folder / "ours", provider.port)
    ways = {
        "nginx, unbuffered": (nginx, CHAT),
        "entrepot, same dialect": (ours, CHAT),
        "entrepot, translated": (ours, MESSAGES),
    }
    try:
        chunks = max(10, round(100 * given.seconds))
        found.streams = measures.stream_in_turns(ways, FIXED, 50, chunks, 0.01, given.rounds)
    finally:
        for program in (nginx, ours, provider):
            program.stop()


def measure_open(given: argparse.Namespace, folder: Path, found: Found) -> None:
    """Many streams open at once, a chunk a second each."""
    provider = peers.start_streams(folder)
    nginx, ours = peers.start_nginx(folder, provider.port), peers.start_ours(folder / "ours", provider.port)
    try:
        for name, program in (("nginx", nginx), ("entrepot", ours)):
            before = program.resident_mb()
            chunks = 10 + given.open // 400  # the last one opened runs for ten seconds beside all others
            streamed, most = measures.stream(program, CHAT, FIXED, given.open, chunks, 1.0)
            found.open[name] = streamed
            grown = max(most.get(pid, 0.0) - mb for pid, mb in before.items())
            found.kb_a_stream[name] = 1000 * grown / given.open
    finally:
        for program in (nginx, ours, provider):
            program.stop()


def measure_processes(given: argparse.Namespace, folder: Path, found: Found) -> None:
    """One gateway process, and two."""
    provider = peers.start_provider(folder)
    asked = {
        f"{count} of them": Asked(peers.start_ours(folder / f"ours-{count}", provider.port, count)) for count in (1, 2)
    }
    _compare(asked, [Load("", FIXED, 200)], given, provider, found.processes)


def measure_growth(given: argparse.Namespace, folder: Path, found: Found) -> None:
    """More keys, more rules, longer bodies."""
    provider = peers.start_provider(folder)
    asked = {
        "1 key, 2 rules": Asked(peers.start_ours(folder / "plain", provider.port)),
        "1,001 keys": Asked(peers.start_ours(folder / "keys", provider.port, more=peers.many_keys(1000))),
        "10,002 rules": Asked(peers.start_ours(folder / "rules", provider.port, more=peers.many_rules(10_000))),
    }
    loads = [Load("200 B", FIXED, 200)]
    _compare(asked, loads, given, provider, found.growth)
    provider = peers.start_provider(folder)
    plain = {"1 key, 2 rules": Asked(peers.start_ours(folder / "plain", provider.port))}
    _compare(plain, [Load(f"{size:,} B", FIXED, size) for size in SIZES[1:]], given, provider, found.growth)


def _compare(
    asked: dict[str, Asked], loads: list[Load], given: argparse.Namespace, provider: object, into: dict[str, Figure]
) -> None:
    programs = [one.program for one in asked.values()]
    try:
        measured = measures.in_turns(asked, loads, given.seconds, given.rounds)
    finally:
        for program in programs:
            program.stop()
        if isinstance(provider, peers.Program):
            provider.stop()
    for load, by in measured.items():
        into.update({f"{name} {load}".strip(): figure for name, figure in by.items()})


def show(found: Found) -> None:
    """The tables."""
    write = sys.stdout.write
    write(f"{found.machine}\n")
    if found.exchanges:
        write(f"\n{'':32}{'peer':12}{'CPU ms':>9}{'x nginx':>9}{'req/s':>9}{'p50 ms':>9}{'p99 ms':>9}\n")
        for load, by in found.exchanges.items():
            for peer, one in by.items():
                write(f"{load:32}{peer:12}{one.cpu_ms:9.4f}{one.cpu_ms / by['nginx'].cpu_ms:9.1f}{one.per_s:9,.0f}")
                write(f"{one.p50_us / 1000:9.2f}{one.p99_us / 1000:9.2f}\n")
        for peer, largest in found.largest_mb.items():
            write(f"{peer}: ready in {found.start_s[peer]:.2f} s, largest process when idle {largest:.0f} MB\n")
    if found.streams:
        write(f"\n{'a chunk of a stream':32}{'CPU us':>9}{'x nginx':>9}{'first us':>10}{'p50 us':>9}{'p99 us':>9}\n")
        least = next(iter(found.streams.values())).cpu_us or math.inf  # too short a load is below the clock's ticks
        for way, many in found.streams.items():
            write(f"{way:32}{many.cpu_us:9.1f}{many.cpu_us / least:9.1f}{many.first_p50_us:10.0f}")
            write(f"{many.p50_us:9.0f}{many.p99_us:9.0f}\n")
    for peer, many in found.open.items():
        write(f"\n{peer}: {many.streams} streams open, {found.kb_a_stream[peer]:.1f} kB each, {many.broken} broken, ")
        write(f"longest silence {many.longest_gap_s:.2f} s where 1 s was asked, {many.cpu_us:.1f} us CPU a chunk\n")
    for title, by_way in (("processes", found.processes), ("growth", found.growth)):
        if by_way:
            first = next(iter(by_way.values())).cpu_ms
            write(f"\n{title:32}{'CPU ms':>9}{'x first':>9}{'req/s':>9}\n")
            for way, one in by_way.items():
                write(f"{way:32}{one.cpu_ms:9.4f}{one.cpu_ms / first:9.2f}{one.per_s:9,.0f}\n")


SECTIONS = {
    "exchanges": measure_exchanges,
    "streams": measure_streams,
    "open": measure_open,
    "processes": measure_processes,
    "growth": measure_growth,
}


def main() -> None:
    """Start everybody, ask in turns, print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default=",".join(SECTIONS), help="the sections, between commas")
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument(
        "--loads", type=int, default=len(LOADS), help="how many of the loads of exchanges, from the first on"
    )
    parser.add_argument("--open", type=int, default=5000, help="streams open at once")
    parser.add_argument("--litellm", help="its program, where it is installed", default=shutil.which("litellm"))
    parser.add_argument("--portkey", help="its build/start-server.js, where it is installed")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--show", action="store_true", help="print the configurations and end")
    given = parser.parse_args()
    if given.show:
        sys.stdout.write("\n".join((peers.PROXY, peers.LITELLM, peers.OURS, peers.DEPLOYMENT)))
        return
    if not shutil.which("wrk") or not peers.nginx_program():
        sys.stdout.write("nginx and wrk are needed to compare with and are not here: nothing was measured\n")
        return
    found = Found(f"{time.strftime('%Y-%m-%d')}, {measures.machine()}, Python {platform.python_version()}")
    for section in given.only.split(","):
        with tempfile.TemporaryDirectory() as name:
            SECTIONS[section](given, Path(name), found)
    if given.json:
        sys.stdout.write(msgspec.json.encode(found).decode() + "\n")
    else:
        show(found)


if __name__ == "__main__":
    main()
