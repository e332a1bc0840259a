"""`entrepot scenario` on traffic of the example's installation: every example that ships runs, and says what it should."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest

from entrepot.settings.load import load_settings
from tests.cli.run import Command
from tests.cli.traffic import copy_settings, write_traffic

EXAMPLES = Path(__file__).parent.parent.parent / "examples" / "scenarios"
SCENARIOS = sorted(file for file in EXAMPLES.glob("*.toml") if file.stem != "entrepot")


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("installation")
    settings = load_settings(copy_settings(EXAMPLES / "entrepot.toml", place), {})
    write_traffic(settings, Path(settings.ledger.directory), 120)
    return place


@pytest.fixture
def command(directory: Path, monkeypatch: pytest.MonkeyPatch) -> Command:
    return Command(directory, monkeypatch)


def tables(command: Command, *words: str) -> dict[str, Any]:
    ran = command("scenario", *words, "--json")
    assert ran.exit_code == 0, ran.output
    return {table["name"]: table for table in json.loads(ran.output)["tables"]}


def row(table: dict[str, Any], name: str) -> dict[str, Any]:
    return next(one for one in table["rows"] if next(iter(one.values())) == name)


@pytest.mark.parametrize("file", SCENARIOS, ids=lambda file: file.stem)
def test_every_example_runs_and_todays_side_is_what_was_recorded(file: Path, command: Command) -> None:
    told = tables(command, str(file))
    answered = row(told["scenario"], "answered")
    assert answered["today"] == 116  # `batch` is nobody's for four who may not ask for it
    assert answered["scenario"] + row(told["scenario"], "nobody")["scenario"] == 116
    assert any("100.0% go to whom they went" in note for note in told["scenario"]["notes"])


def test_a_ban_moves_the_work_and_says_that_it_is_replayed_as_if_in_force(command: Command) -> None:
    told = tables(command, str(EXAMPLES / "ban.toml"))
    assert any("begins after the period" in note for note in told["scenario"]["notes"])
    shares = {one["model"]: one for one in told["scenario_share"]["rows"]}
    assert shares["glm-5.3-flash"]["today"] > 0
    assert shares["glm-5.3-flash"]["scenario"] == 0


def test_the_exit_plan_ranks_every_provider(command: Command) -> None:
    told = tables(command, "--all-single-failures")
    providers = [one["provider"] for one in told["exits"]["rows"]]
    assert sorted(providers) == ["anthropic", "deepseek", "moonshot", "openai", "together", "vllm", "zhipu"]
    stranded = [one["stranded"] for one in told["exits"]["rows"]]
    assert stranded == sorted(stranded, reverse=True)
    assert stranded[0] > 0


def test_what_is_printed_can_be_read(command: Command) -> None:
    ran = command("scenario", str(EXAMPLES / "ban.toml"), str(EXAMPLES / "stricter.toml"), "--all-single-failures")
    assert ran.exit_code == 0, ran.output
    for words in ("No provider from China from 2027 on", "expected quality", "Share by model", "The exit plan"):
        assert words in ran.output
    assert ran.output.count("Lots fall as they fell") == 1  # said once for all tables


def test_a_spreadsheet_is_told_which_scenario_a_row_is_of(command: Command) -> None:
    ran = command("scenario", str(EXAMPLES / "ban.toml"), str(EXAMPLES / "stricter.toml"), "--csv")
    assert ran.exit_code == 0, ran.output
    rows = list(csv.reader(io.StringIO(ran.output)))
    heads = [one for one in rows if one and one[0] == "table"]
    assert {one[1] for one in heads} == {"about"}
    assert {one[1] for one in rows if one and one[0] == "scenario"} == {"ban", "stricter"}


def test_the_exit_plan_is_a_page_that_can_hang_on_a_wall(command: Command, directory: Path) -> None:
    page = directory / "exits.html"
    ran = command("scenario", "--all-single-failures", "--html", str(page), "--language", "zh")
    assert (ran.exit_code, ran.output) == (0, f"{page}\n")
    text = page.read_text(encoding="utf-8")
    for told in ('<html lang="zh-Hans">', "<h1>退出方案", "anthropic", "<svg", "目前份额"):
        assert told in text
    assert "<script" not in text


def test_a_page_of_one_scenario_bears_its_title(command: Command) -> None:
    ran = command("scenario", str(EXAMPLES / "ban.toml"), "--html", "-")
    assert ran.exit_code == 0, ran.output
    assert "<h1>No provider from China from 2027 on</h1>" in ran.output


def test_one_form_at_a_time(command: Command) -> None:
    ran = command("scenario", str(EXAMPLES / "ban.toml"), "--html", "-", "--json")
    assert ran.exit_code == 2
    assert "different forms" in ran.output


def test_a_period_is_taken_alone(command: Command) -> None:
    told = tables(command, str(EXAMPLES / "stricter.toml"), "--since", "2027-01-01")
    assert row(told["scenario"], "answered")["today"] == 0


def test_without_a_file_it_says_what_to_give(command: Command) -> None:
    ran = command("scenario")
    assert ran.exit_code == 2
    assert "--all-single-failures" in ran.output


def test_a_mistake_in_a_file_is_one_line(command: Command, directory: Path) -> None:
    (directory / "typo.toml").write_text('[[prices]]\ndeployments = "x"\n', encoding="utf-8")
    ran = command("scenario", "typo.toml")
    assert ran.exit_code == 2
    assert "typo.toml, line 1: prices: there is no such setting; did you mean 'price'?" in ran.output


def test_a_period_without_decisions_is_told_and_not_an_empty_page(command: Command) -> None:
    for form in ((), ("--json",), ("--html", "-")):
        ran = command("scenario", "--all-single-failures", "--since", "2199-01-01", *form)
        assert ran.exit_code == 0
        assert "Nothing to replay" in ran.output
    assert command("scenario", "--all-single-failures", "--since", "1d", "--until", "2d").exit_code == 2
