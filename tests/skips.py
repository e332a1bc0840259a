"""Only listed skips: `tests/skips.toml` says for which reasons a test may skip, and this makes every other one fail.

The two hooks are imported by `conftest.py`, by which pytest finds them. Expected failures are reported as skips too;
they are left alone, as `xfail_strict` watches them.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Generator, Mapping
from pathlib import Path

import pytest

LISTED = Path(__file__).parent / "skips.toml"


def load_listed_skips(path: Path = LISTED) -> dict[str, bool]:
    """Reason to whether it is allowed in CI too. Raises ValueError if an entry says not why."""
    entries = tomllib.loads(path.read_text(encoding="utf-8"))["skip"]
    for entry in entries:
        if not entry["why"]:
            raise ValueError(f"{path.name}: '{entry['reason']}' says not why")
    return {entry["reason"]: entry["allowed_in_ci"] for entry in entries}


def is_ci(environ: Mapping[str, str]) -> bool:
    """Whether this run is a CI run, in which everything that a test needs is there."""
    return environ.get("CI", "").lower() in {"true", "1"}


def refuse_skip(reason: str, listed: Mapping[str, bool], *, in_ci: bool) -> str | None:
    """Why a test may not skip for `reason`, or None if it may."""
    stated = reason.removeprefix("Skipped: ")
    allowed_in_ci = listed.get(stated.split(": ", 1)[0])
    if allowed_in_ci is None:
        return f"skipped for a reason that tests/skips.toml does not list: {stated}"
    if in_ci and not allowed_in_ci:
        return f"skipped in CI for a reason that is not allowed there (tests/skips.toml): {stated}"
    return None


def _fail_unless_listed(report: pytest.TestReport | pytest.CollectReport) -> None:
    if report.outcome != "skipped" or hasattr(report, "wasxfail") or not isinstance(report.longrepr, tuple):
        return
    path, line, reason = report.longrepr
    refusal = refuse_skip(reason, load_listed_skips(), in_ci=is_ci(os.environ))
    if refusal is not None:
        report.outcome = "failed"
        report.longrepr = f"{path}:{line}: {refusal}"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Fail a test that skips for a reason that is not listed."""
    report = yield
    _fail_unless_listed(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Fail a module that skips itself, as `pytest.importorskip` does, for a reason that is not listed."""
    report = yield
    _fail_unless_listed(report)
    return report
