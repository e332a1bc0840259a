from __future__ import annotations

import json
from pathlib import Path

from click.testing import CliRunner

from entrepot.cli.main import main
from entrepot.ledger.checks import sample_entry
from entrepot.ledger.sqlite import open_sqlite, open_sqlite_reader
from tests.learning.test_sample_files import INSPECT, inspect_sample, write


def run(*words: object) -> str:
    result = CliRunner().invoke(main, ["outcomes", "import", *map(str, words)])
    return f"{result.exit_code} {result.output}"


def test_samples_that_name_an_exchange_are_outcomes_in_the_ledger_once(tmp_path: Path) -> None:
    with open_sqlite(tmp_path) as store:
        store.insert([sample_entry(0)])
    samples = [
        inspect_sample("a", "P", metadata={"x-entrepot-exchange": sample_entry(0).id}),
        inspect_sample("b", metadata={"x-entrepot-exchange": sample_entry(1).id}),
        inspect_sample("c", metadata={}),
    ]
    log = write(tmp_path / "log.json", {**INSPECT, "samples": samples})
    for _ in range(2):
        told = run(log, "--ledger", tmp_path)
        assert told.startswith("0 3 samples of openai/gpt-5 (inspect), mean score 0.833")
        assert "1 of 2 that name an exchange are in the ledger" in told
    with open_sqlite_reader(tmp_path) as reader:
        (one,) = reader.told()
        assert len(reader.outcomes_after(0)) == 1
    assert (one.exchange, one.source, one.who, one.score) == (sample_entry(0).id, "file", "inspect", 0.5)


def test_a_file_becomes_files_to_learn_from_without_any_ledger(tmp_path: Path) -> None:
    log = write(tmp_path / "log.json", {**INSPECT, "samples": [inspect_sample(), inspect_sample("b", scores={})]})
    told = run(
        log, "--outcomes", tmp_path / "o.jsonl", "--prompts", tmp_path / "p.jsonl", "--ledger", tmp_path, "--json"
    )
    assert json.loads(told.removeprefix("0 ")) == {
        "kind": "inspect", "samples": 1, "unjudged": 1, "models": ["openai/gpt-5"], "score": 1.0, "exchanges": 1, "kept": 0,
    }  # fmt: skip
    assert json.loads((tmp_path / "o.jsonl").read_text(encoding="utf-8"))["correct"] == 1.0
    assert run(log, "--ledger", tmp_path).startswith("2 entrepot: the file names exchanges, and there is no ledger")
    assert "go together" in run(log, "--outcomes", tmp_path / "o.jsonl")
