"""What a request through the gateway costs, beside nginx and LiteLLM, in turns, in one run on one machine.

    python benchmarks/bench_gateway.py [--seconds 5] [--rounds 3] [--litellm PROGRAM] [--json]

Needs `nginx` and `wrk`. CPU is what the operating system accounts to a peer's processes, all of them; times are wrk's. A
figure is the median of the rounds; peers take turns within a round, so that what else the machine does falls on all alike.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import msgspec

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE / "gateway"))

from peers import KEY, start_litellm, start_nginx, start_ours, start_provider  # noqa: E402 - beside this file
from processes import Program  # noqa: E402 - the same

PATH = "/v1/chat/completions"


class Load(msgspec.Struct, frozen=True):
    """What is asked: the model's name, the prompt's length, connections at once."""

    name: str
    model: str
    prompt_bytes: int
    connections: int = 16


class Figure(msgspec.Struct):
    """One peer under one load in one round: CPU per request in milliseconds, requests per second, microseconds to an answer."""

    cpu_ms: float
    per_s: float
    p50_us: float
    p99_us: float


LOADS = (
    Load("fixed, 200 B", "openai/gpt-4o-2024-08-06", 200),
    Load("fixed, 2 kB", "openai/gpt-4o-2024-08-06", 2_000),
    Load("learned, 200 B", "auto", 200),
    Load("learned, 2 kB", "auto", 2_000),
    Load("fixed, 200 B, one connection", "openai/gpt-4o-2024-08-06", 200, 1),
    Load("learned, 2 kB, one connection", "auto", 2_000, 1),
)


def measure(peer: Program, load: Load, model: str, seconds: float) -> Figure:
    """Let wrk ask for so long. Raises RuntimeError where a request failed."""
    command = [
        shutil.which("wrk") or "wrk", "-t1", f"-c{load.connections}", f"-d{seconds:.0f}s", "-s", str(HERE / "gateway/load.lua"),
        f"http://127.0.0.1:{peer.port}", "--", PATH, model, str(load.prompt_bytes), "0", KEY,
    ]  # fmt: skip
    before = peer.cpu_s()
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    used = peer.cpu_s() - before
    told = msgspec.json.decode(done.stdout.splitlines()[-1])
    if told["bad"] or told["errors"]:
        raise RuntimeError(f"{told['bad']} bad answers, {told['errors']} errors: {done.stderr[:500]}")
    return Figure(
        1000 * used / told["requests"],
        told["requests"] / told["duration_us"] * 1e6,
        told["p50_us"],
        told["p99_us"],
    )


def main() -> None:
    """Start everybody, ask in turns, print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--litellm", help="its program, where it is installed", default=shutil.which("litellm"))
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        provider = start_provider(folder)
        running: dict[str, tuple[Program, Callable[[Load], str]]] = {
            "nginx": (start_nginx(folder, provider.port), lambda load: load.model),
            "entrepot": (start_ours(folder, provider.port), lambda load: load.model),
        }
        if given.litellm:
            running["litellm"] = (start_litellm(folder, provider.port, given.litellm), lambda _load: "fixed")
            time.sleep(5)  # it answers on its port before it is ready
        found: dict[str, dict[str, list[Figure]]] = {load.name: {peer: [] for peer in running} for load in LOADS}
        try:
            for _ in range(given.rounds):
                for load in LOADS:
                    for peer, (program, model) in running.items():
                        found[load.name][peer].append(measure(program, load, model(load), given.seconds))
            figures = {load: {peer: _median(rounds) for peer, rounds in by.items()} for load, by in found.items()}
            starts = {peer: program.start_s for peer, (program, _) in running.items()}
            memory = {peer: max(program.resident_mb().values()) for peer, (program, _) in running.items()}
        finally:
            for program, _ in running.values():
                program.stop()
            provider.stop()
    if given.json:
        print(msgspec.json.encode({"figures": figures, "start_s": starts, "largest_mb": memory}).decode())
        return
    print(f"{'':32}{'peer':10}{'CPU ms':>9}{'x nginx':>9}{'req/s':>9}{'p50 ms':>9}{'p99 ms':>9}")
    for load_name, by in figures.items():
        for peer, figure in by.items():
            ratio = figure.cpu_ms / by["nginx"].cpu_ms
            print(
                f"{load_name:32}{peer:10}{figure.cpu_ms:9.4f}{ratio:9.1f}{figure.per_s:9,.0f}"
                f"{figure.p50_us / 1000:9.2f}{figure.p99_us / 1000:9.2f}"
            )
    for peer, largest in memory.items():
        print(f"{peer}: {starts[peer]:.2f} s to its port, largest process {largest:.0f} MB")


def _median(figures: list[Figure]) -> Figure:
    return Figure(*(statistics.median(getattr(one, name) for one in figures) for name in Figure.__struct_fields__))


if __name__ == "__main__":
    main()
