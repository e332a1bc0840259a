"""That the comparison runs, in its smallest form. What it measures is nobody's promise here."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
SYSTEM_PATH = f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin"


def run(*arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, *arguments], capture_output=True, text=True, cwd=BENCHMARKS, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.end_to_end
def test_the_comparison_runs_in_its_smallest_form() -> None:
    if not shutil.which("wrk") or not shutil.which("nginx", path=SYSTEM_PATH):
        pytest.skip("nginx and wrk are not installed")
    smallest = ("--seconds", "1", "--rounds", "1", "--loads", "1", "--open", "20", "--litellm", "", "--json")
    found: dict[str, Any] = json.loads(run("bench_gateway.py", "--only", "exchanges,streams,open,processes", *smallest))
    (figures,) = found["exchanges"].values()
    assert set(figures) == set(found["start_s"]) == set(found["largest_mb"]) == {"nginx", "entrepot"}
    assert all(figure["per_s"] > 0 for figure in figures.values())
    assert len(found["streams"]) == 3
    assert all(streamed["broken"] == 0 for streamed in (*found["streams"].values(), *found["open"].values()))
    assert set(found["kb_a_stream"]) == {"nginx", "entrepot"}
    assert set(found["processes"]) == {"1 of them", "2 of them"}


def test_the_configurations_can_be_read() -> None:
    shown = run("bench_gateway.py", "--show")
    assert all(words in shown for words in ("proxy_pass", "master_key", "[[budgets]]", "[[deployments]]"))


@pytest.mark.sockets
@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/messages"])
def test_the_provider_of_streams_writes_what_its_reader_asks_for(path: str) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    program = str(BENCHMARKS / "gateway" / "streaming.py")
    providing = subprocess.Popen([sys.executable, program, "provide", port])
    try:
        while True:
            try:
                socket.create_connection(("127.0.0.1", int(port)), timeout=1).close()
                break
            except OSError:
                assert providing.poll() is None
        seen = json.loads(run(program, "read", port, "3", "any", "key", path, "7", "0.01"))
    finally:
        providing.terminate()
        providing.wait()
    assert (seen["broken"], seen["chunks"]) == (0, 21)
