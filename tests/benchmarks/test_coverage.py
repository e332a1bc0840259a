"""The intervals of reports hold the truth as often as they say, over fewer runs than the benchmark's."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARK = Path(__file__).parents[2] / "benchmarks" / "coverage.py"
RUNS = 60
# Binomial: where 95 % hold, fewer than 51 of 60 runs do once in 2,000 times; fifteen intervals are held to it.
LEAST = 51


@pytest.fixture(scope="module")
def held() -> dict[str, list[int]]:
    """For each interval, in how many runs it held, and of how many."""
    ran = subprocess.run(
        [sys.executable, str(BENCHMARK), "--runs", str(RUNS), "--json"],
        capture_output=True,
        text=True,
        env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    found: dict[str, list[int]] = json.loads(ran.stdout)
    return found


def test_fixed_horizon_intervals_hold_the_truth(held: dict[str, list[int]]) -> None:
    fixed = {name: count for name, (count, _) in held.items() if name.startswith("fixed horizon")}
    assert len(fixed) == 13
    assert {name: count for name, count in fixed.items() if count < LEAST} == {}


def test_intervals_that_may_be_looked_at_daily_are_hardly_ever_wrong(held: dict[str, list[int]]) -> None:
    always = {name: count for name, (count, _) in held.items() if name.startswith("always valid")}
    assert always.keys() == {"always valid: saving by lot", "always valid: quality by lot"}
    assert {name: count for name, count in always.items() if count < LEAST} == {}


def test_every_interval_is_stated_in_every_run(held: dict[str, list[int]]) -> None:
    assert {runs for _, runs in held.values()} == {RUNS}
