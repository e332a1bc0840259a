"""`entrepot budgets` says what is spent, reserved and left."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
from click.testing import CliRunner

from entrepot.cli.main import main
from entrepot.ledger.counters import Move
from entrepot.ledger.sqlite_counters import open_sqlite_counters
from tests.ledger.test_counters import Process

SETTINGS = """
[[deployments]]
provider = "deepseek"
model = "deepseek-v4.1-flash"
[[budgets]]
name = "all"
amount_usd = 10
period = "once"
[[budgets]]
name = "每个"
amount_usd = 1
period = "once"
kind = "soft"
key = "*"
"""


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DEEPSEEK_API_KEY", "sk")
    path = tmp_path / "entrepot.toml"
    path.write_text(SETTINGS, encoding="utf-8")
    return path


def run(*arguments: str) -> tuple[int, str]:
    done = CliRunner().invoke(main, ["budgets", *arguments])
    return done.exit_code, done.output


def spend(directory: Path) -> None:
    counters = open_sqlite_counters(directory)
    counters.begin("e")
    counters.activate("e", "", {"budget\tall\t\tonce": 2_500_000_000})
    process = Process(counters, "a")
    process.report()
    soft = Move("budget\t每个\tkey=甲\tonce", "money", None, ((0, 2_000_000_000),))
    process.report(Move("budget\tall\t\tonce", "money", 10**10, need=10**9), soft, at_s=time.time())
    counters.close()


def test_what_is_spent_reserved_and_left(settings: Path) -> None:
    spend(settings.parent / "entrepot-data")
    code, said = run("--config", str(settings), "--json")
    assert code == 0
    assert [
        (one["budget"], one["scope"], one["spent_nano_usd"], one["reserved_nano_usd"], one["left_nano_usd"])
        for one in json.loads(said)
    ] == [
        ("all", "", 2_500_000_000, 1_000_000_000, 6_500_000_000),
        ("每个", "key=甲", 2_000_000_000, 0, -1_000_000_000),
    ]
    code, said = run("--config", str(settings))
    assert code == 0
    assert "6.5000" in said
    assert "200.0" in said


def test_counters_that_are_not_rebuilt_are_told(settings: Path) -> None:
    code, said = run("--config", str(settings))
    assert code == 3
    assert "not rebuilt yet" in said


def test_without_budgets_it_says_how_to_make_one(settings: Path) -> None:
    settings.write_text(SETTINGS.split("[[budgets]]", maxsplit=1)[0], encoding="utf-8")
    code, said = run("--config", str(settings))
    assert code == 0
    assert "[[budgets]]" in said
