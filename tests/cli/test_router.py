"""`entrepot router`: seen, promoted, brought back."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from entrepot.cli.main import main
from entrepot.control.sqlite import open_control_reader
from entrepot.learning.status import DriftAlarm, LearningStatus, write_status
from entrepot.learning.train import save_artifact
from tests.learning.fitted import an_artifact

SETTINGS = """
[ledger]
directory = "data"
[[deployments]]
provider = "deepseek"
model = "deepseek-v4.1-flash"
"""


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DEEPSEEK_API_KEY", "sk")
    Path("entrepot.toml").write_text(SETTINGS, encoding="utf-8")


def run(*arguments: str) -> tuple[int, str]:
    done = CliRunner().invoke(main, ["router", *arguments])
    return done.exit_code, done.output


def in_force() -> str:
    return str(next(one["name"] for one in json.loads(run("list", "--json")[1]) if one["in_force"]))


def test_a_file_is_put_in_force_and_the_one_before_is_brought_back() -> None:
    shipped = in_force()
    assert "nothing was ever put in place" in run("back")[1]
    save_artifact(an_artifact(), Path("mine.router"))
    code, text = run("promote", "mine.router", "--why", "fitted on our tickets")
    assert (code, text) == (0, f"{an_artifact().version} is in force; gateways take it up within a second\n")
    assert run("promote", "mine.router") == (0, f"{an_artifact().version} is in force already\n")
    Path("mine.router").unlink()
    text = run("show")[1]
    assert f"{an_artifact().version}, in force" in text
    assert "fitted on our tickets" in text
    assert f"learned on  {an_artifact().provenance.outcomes} outcomes of 60 prompts (s), w" in text
    listed = run("list")[1].splitlines()
    assert listed[0].startswith("* ")
    assert listed[0].endswith(an_artifact().version)
    code, text = run("back", "--why", "too dear")
    assert (code, text) == (0, f"{shipped} is in force again; gateways take it up within a second\n")
    assert in_force() == shipped
    code, text = run("promote", an_artifact().digest[:12])
    assert code == 0, text
    with open_control_reader("data") as store:
        assert [one.action for one in store.changes(kind="router")] == ["promote", "back", "promote"]


def test_how_learning_stands_is_one_screen() -> None:
    code, text = run("refit")
    assert (code, text.splitlines()[-1]) == (0, "not promoted: 0 outcomes are too few; a refit wants 400")
    write_status("data", LearningStatus(1.0, 12, 3, "", (DriftAlarm("prices", 2.0, "prices moved: a -50%"),)))
    code, text = run("status")
    assert code == 0, text
    assert "outcomes   12 of the last 90 days, as of 1970-01-01 00:00:01" in text
    assert "refits     every 24 hours" in text
    assert "not promoted: 0 outcomes are too few" in text
    assert "1970-01-01 00:00:02  prices: prices moved: a -50%" in text
    told = json.loads(run("status", "--json")[1])
    assert told["running"]["in_force"]
    assert [one["state"] for one in told["refits"]] == ["not promoted"]
    assert json.loads(run("refit", "--json")[1])["state"] == "not promoted"


def test_what_is_not_known_is_told() -> None:
    code, text = run("promote", "ensemble/nobody")
    assert code == 2
    assert "there is no one router called 'ensemble/nobody'" in text
    assert run("show", "nobody")[0] == 2
    shown = json.loads(run("show", "--json")[1])
    assert shown["in_force"]
    assert shown["made_by"] == "settings"


def test_without_a_settings_file_there_is_no_router() -> None:
    Path("entrepot.toml").unlink()
    assert "there is no settings file" in run("list")[1]
