"""`entrepot trial`: planned, started, looked at, ended, and nothing is left."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from entrepot.cli.main import main
from entrepot.control.sqlite import open_control_reader

SETTINGS = """
[ledger]
directory = "data"
[[deployments]]
provider = "deepseek"
model = "deepseek-v4.1-flash"
[[deployments]]
provider = "openai"
model = "gpt-5.2"
[[routes]]
name = "auto"
candidates = ["openai/gpt-5.2"]
"""
NEW = "deepseek-v4.1-flash"


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("DEEPSEEK_API_KEY", "OPENAI_API_KEY"):
        monkeypatch.setenv(name, "sk")
    Path("entrepot.toml").write_text(SETTINGS, encoding="utf-8")


def run(*arguments: str) -> tuple[int, str]:
    done = CliRunner().invoke(main, ["trial", *arguments])
    return done.exit_code, done.output


def test_a_plan_says_how_many_sessions_and_starts_nothing() -> None:
    code, text = run("plan", NEW, "--mean-usd", "0.001")
    assert code == 0, text
    assert "20 % of sessions" in text
    assert "quality    at most 5 points worse: must pass" in text
    code, text = run("plan", NEW, "--no-cost", "--margin", "10", "--json")
    told = json.loads(text)
    assert (code, told["standing"], told["deployment"]) == (0, "running", "deepseek/deepseek-v4.1-flash")
    assert told["stages"][-1]["gates"]["quality"]["margin"] == 0.1
    assert json.loads(run("status", "--json")[1]) == []


def test_a_trial_is_started_looked_at_and_stopped() -> None:
    assert run("start", NEW, "--no-cost", "--name", "flash")[0] == 0
    code, text = run("status")
    assert code == 0, text
    assert "flash: deepseek/deepseek-v4.1-flash in, route 'auto', running" in text
    assert "quality has seen nothing yet" in text
    code, text = run("start", NEW, "--no-cost")
    assert code != 0
    assert "a route has one trial at a time" in text
    (told,) = json.loads(run("status", "flash", "--json")[1])
    assert told["seen"] == {"sessions": 0, "new": 0, "judged": 0, "gates": {}}
    assert run("stop", "flash")[0] == 0
    assert json.loads(run("status", "--json")[1]) == []
    with open_control_reader(Path("data")) as store:
        assert [change.action for change in store.changes(kind="trial")] == ["stop", "start"]
    assert run("stop", "flash")[0] != 0


COMPARED = """
max_output_tokens = 400
[[routes.outcomes.checks]]
name = "right"
regex = "4711"
"""


def test_where_answers_can_be_compared_a_trial_begins_in_shadow_and_says_what_that_takes_and_costs() -> None:
    Path("entrepot.toml").write_text(SETTINGS + COMPARED, encoding="utf-8")
    code, text = run("plan", NEW, "--mean-usd", "0.01", "--shadow-usd", "3")
    assert code == 0, text
    assert "shadow; 10 % of exchanges are asked of it beside, and no client gets its answer; about 1,110 pairs" in text
    assert "compared by checks" in text
    assert "about 8.88 USD for its answers, at most 3 USD a day, judges apart: 3 days or more" in text
    assert "quality    at most 10 points worse: must pass, within 1,110 pairs" in text
    assert "sessions in all, after 1,110 pairs" in text

    code, text = run("start", NEW, "--no-cost", "--shadow-share", "25", "--name", "flash", "--json")
    told = json.loads(text)
    assert (code, told["stage"], told["notes"], told["shadow_usd"]) == (0, "shadow", [], None)
    assert told["terms"]["shadow_share"] == 0.25
    code, text = run("status")
    assert code == 0, text
    assert "shadow: 0 of 1,051 pairs; 0 asked beside, 0 answered" in text
    (told,) = json.loads(run("status", "flash", "--json")[1])
    assert told["seen"] == {"asked": 0, "answered": 0, "pairs": 0, "gates": {}}
    assert run("stop", "flash")[0] == 0
    assert json.loads(run("status", "--json")[1]) == []


def test_without_shadow_it_begins_with_sessions_and_says_why() -> None:
    assert "no shadow stage: route 'auto' has neither judges nor checks" in run("plan", NEW, "--no-cost")[1]
    Path("entrepot.toml").write_text(SETTINGS + COMPARED, encoding="utf-8")
    code, text = run("plan", NEW, "--no-cost", "--no-shadow", "--json")
    told = json.loads(text)
    assert (code, told["stage"], told["notes"]) == (0, "1 %", ["no shadow stage: --no-shadow"])
    code, text = run("plan", NEW, "--no-cost")
    assert code == 0
    assert "what it comes to is not known without --mean-usd" in text
    assert "--shadow-usd" in run("start", NEW, "--no-cost", "--shadow-usd", "0.00000000001")[1]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((NEW,), "--mean-usd"),
        (("deepseek-v4.1-flush", "--no-cost"), "did you mean"),
        ((NEW, "--no-cost", "--route", "nowhere"), "there is no route 'nowhere'"),
        (("gpt-5.2", "--no-cost"), "nobody else"),
        ((NEW, "--no-cost", "--out"), "nothing to take out"),
        ((NEW, "--mean-usd", "0.01", "--saving", "0"), "cannot be planned"),
        ((NEW, "--no-cost", "--stages", "1,x"), "no list of percentages"),
    ],
)
def test_what_cannot_be_tried_is_refused_with_what_to_do(arguments: tuple[str, ...], said: str) -> None:
    code, text = run("start", *arguments)
    assert code == 2
    assert said in text
