"""`entrepot demo` as a stranger runs it: a process, real sockets, and figures from what came back."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import subprocess
import sys
import urllib.request
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from entrepot.cli.demo_recorded import Source, read_split
from entrepot.learning.outcomes import read_prices
from entrepot.simulator.replay import load_recording

pytestmark = [pytest.mark.end_to_end, pytest.mark.timeout(300)]

COMMAND = (sys.executable, "-m", "entrepot", "demo")


def run(*words: str) -> str:
    """What the command prints; it must succeed and show no traceback."""
    done = subprocess.run([*COMMAND, *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    return done.stdout


def rows(document: dict[str, Any], name: str) -> list[dict[str, Any]]:
    """The rows of a table of a JSON report."""
    (table,) = (each for each in document["tables"] if each["name"] == name)
    found: list[dict[str, Any]] = table["rows"]
    return found


def test_the_main_job_end_to_end() -> None:
    document = json.loads(run("--json", "--requests", "160"))
    assert document["simulated"] is True
    assert document["ledger_agrees_with_providers"] is True
    assert sum(row["exchanges"] for row in rows(document, "share_by_model")) == 160
    assert {row["value"] for row in rows(document, "share_by_maker_country")} <= {"US", "CN"}
    assert len(rows(document, "share_by_region")) >= 2
    figures = {row["figure"]: row["value"]["value"] for row in rows(document, "savings")}
    checked = {row["figure"]: row["value"]["value"] for row in rows(document, "check")}
    assert figures["exchanges_compared"] == 160
    assert figures["cost"] == checked["ledger"] == checked["billed"] < checked["baseline_measured"]
    quality = {row["side"]: row["quality"] for row in rows(document, "quality")}
    assert quality["difference"] == pytest.approx(quality["routed"] - quality["baseline"])
    assert 0.8 < quality["routed"] <= 1


def test_what_is_printed_says_first_that_it_is_simulated() -> None:
    printed = run("--exit", "--requests", "40")
    assert printed.startswith("The providers in this demonstration are SIMULATED")
    for heading in ("Who is simulated", "Share by model", "Savings", "Quality", "Time added by the gateway"):
        assert heading in printed


def test_the_gateway_serves_on_until_it_is_interrupted() -> None:
    with subprocess.Popen(
        [*COMMAND, "--requests", "40"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as demo:
        assert demo.stdout is not None
        try:
            line = next(line for line in demo.stdout if line.startswith("curl "))
            _, _, url, _, authorization, _, content_type, _, body = shlex.split(line)
            headers = dict(header.split(": ", 1) for header in (authorization, content_type))
            request = urllib.request.Request(url, data=body.encode(), headers=headers)
            with urllib.request.urlopen(request, timeout=30) as answer:
                said = json.load(answer)["choices"][0]["message"]["content"]
                assert answer.headers["x-entrepot-model"]
            assert re.search(r"^Answer: \w+$", said, re.MULTILINE)
        finally:
            demo.send_signal(signal.SIGINT)
        assert demo.wait(30) == 0


def test_recorded_answers_come_back_as_they_were_recorded(outcomes_dir: Path) -> None:
    document = json.loads(run("--json", "--outcomes", str(outcomes_dir), "--limit", "200", "--learn-from", "150"))
    split = read_split(Source(outcomes_dir, "zeroeval", seed=1, limit=200, learn_limit=150))
    recorded = load_recording(outcomes_dir, "zeroeval").answers
    prices = read_prices(outcomes_dir / "prices.csv")
    strategies = {row["strategy"]: row for row in rows(document, "strategies")}
    assert document["prompts"] == 200
    for model in split.pool:
        answers = [recorded[prompt.id][model] for prompt in split.prompts]
        correct = sum(answer.correct for answer in answers) / 200
        assert strategies[model]["quality"] == pytest.approx(correct, abs=0.01)
        cost = sum(
            answer.input_tokens * Decimal(prices[model].input_usd_per_mtok)
            + answer.output_tokens * Decimal(prices[model].output_usd_per_mtok)
            for answer in answers
        )
        # each of 200 answers is rounded to a nano-dollar by itself
        assert abs(strategies[model]["cost_nano_usd"] - cost * 1000) <= 100
    assert strategies["always-best"]["quality"] == strategies[split.best]["quality"]
    assert strategies["always-cheapest"]["cost_nano_usd"] == strategies[split.cheapest]["cost_nano_usd"]
    costs = [strategies[f"auto {max_loss}"]["cost_nano_usd"] for max_loss in ("0", "0.01", "0.02", "0.05", "0.1")]
    assert costs == sorted(costs, reverse=True)
    assert costs[-1] < costs[0]
    assert "None of the prompts below was among them" in document["how"]


def test_without_the_extra_recorded_outcomes_say_what_to_install(outcomes_dir: Path, tmp_path: Path) -> None:
    (tmp_path / "pyarrow.py").write_text("raise ImportError('not installed')\n")
    path = os.pathsep.join(filter(None, (str(tmp_path), os.environ.get("PYTHONPATH"))))
    done = subprocess.run(
        [*COMMAND, "--outcomes", str(outcomes_dir)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": path},
    )
    assert done.returncode == 2
    assert "pip install 'entrepot[learn]'" in done.stderr
    assert "Traceback" not in done.stderr
