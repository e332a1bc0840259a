"""Tests of docs/guides/outcomes.md: its settings load, its commands run, its feedback is understood."""

from __future__ import annotations

import shlex
import time
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner

from entrepot.cli.main import main
from entrepot.exchange.outcome import JUDGE_WEIGHT, SIGN_WEIGHT, Outcome
from entrepot.ledger.checks import sample_entry
from entrepot.ledger.sqlite import open_sqlite
from entrepot.server.feedback import parse_feedback
from entrepot.settings.load import load_settings
from tests.docs.fences import find_commands, find_fences
from tests.learning.test_sample_files import LM_EVAL, PROMPTFOO, as_eval, inspect_sample, lines, write

PAGE = (Path(__file__).parents[2] / "docs" / "guides" / "outcomes.md").read_text(encoding="utf-8")
PIECES = [fence.text for fence in find_fences(PAGE) if fence.language == "toml"]
SECRETS = {"DEEPSEEK_API_KEY": "made-up", "MOONSHOT_API_KEY": "made-up", "TICKETS_SECRET": "made-up"}


@pytest.mark.parametrize("text", PIECES)
def test_settings_in_the_guide_load(text: str, tmp_path: Path) -> None:
    (tmp_path / "entrepot.toml").write_text(text, encoding="utf-8")
    loaded = load_settings(tmp_path / "entrepot.toml", SECRETS)
    assert loaded.verdicts or any(route.outcomes.checks or route.outcomes.judging for route in loaded.routes)
    # which model is the reference is the only thing that may have been chosen for the reader
    assert [each for each in loaded.warnings if "names no reference" not in each] == []


def test_there_is_a_piece_for_each_way() -> None:
    assert len(PIECES) == 3


def test_the_feedback_that_is_shown_is_understood() -> None:
    (shown,) = [fence.text for fence in find_fences(PAGE) if fence.language == "json"]
    assert parse_feedback(shown.encode()).label == "good"


def test_weights_are_those_of_the_code() -> None:
    assert f"| `sign` | the traffic itself | the sign | {SIGN_WEIGHT} |" in PAGE
    assert f"its model | {JUDGE_WEIGHT}, shared" in PAGE


SAMPLES = [
    line for line in find_commands(PAGE) if line.startswith(("entrepot outcomes sample", "entrepot outcomes label"))
]


def test_exchanges_are_drawn_and_read_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DEEPSEEK_API_KEY", "made-up")
    (tmp_path / "entrepot.toml").write_text(f'[ledger]\ndirectory = "data"\n{PIECES[0]}', encoding="utf-8")
    now_ns = time.time_ns()
    with open_sqlite(tmp_path / "data") as store:
        entries = [msgspec.structs.replace(sample_entry(n), route="letters", started_ns=now_ns) for n in range(3)]
        store.insert(entries)
        store.insert_documents([], [Outcome(one.id, one.id, now_ns, "judge", "kimi-k3", 1.0) for one in entries])
    told = []
    for line in SAMPLES:
        result = CliRunner().invoke(main, shlex.split(line)[1:])
        assert result.exit_code == 0, result.output
        told.append(result.output)
    assert told[0].startswith("3 of 3 exchanges of route 'letters' are in sample.csv")
    assert told[1].startswith("0 of 3 exchanges have a label")


@pytest.mark.parametrize("line", [line for line in find_commands(PAGE) if line not in SAMPLES])
def test_a_command_of_the_guide_runs(line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "logs").mkdir()
    unnamed = inspect_sample(metadata={})
    as_eval(tmp_path / "logs" / "2026-11-22_contracts.eval", unnamed)
    text = write(tmp_path / "results.json", PROMPTFOO).read_text(encoding="utf-8")
    (tmp_path / "results.json").write_text(text.replace("x-entrepot-exchange", "x-request-id"), encoding="utf-8")
    doc = {**LM_EVAL[0], "doc": {}}
    lines(tmp_path / "samples_gsm8k_2026-11-22T10-00-00.jsonl", doc)
    result = CliRunner().invoke(main, shlex.split(line)[1:])
    assert result.exit_code == 0, result.output
    assert "1 samples of" in result.output
