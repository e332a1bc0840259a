from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from entrepot.cli.evaluate import evaluate_command
from entrepot.errors import DataError
from entrepot.routing.checks import STRONG, WEAK, made_up_outcomes

NEW = "maker/new"


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Outcomes to learn from in two files; the test has a model that they never saw, and does not say what is right."""
    folder = tmp_path_factory.mktemp("files")
    outcomes = made_up_outcomes(80)
    lines: dict[str, list[dict[str, object]]] = {"a": [], "b": [], "test": [], "prompts": []}
    for number, prompt in enumerate(outcomes.prompts):
        lines["prompts"].append({"prompt_id": str(number), "prompt": prompt.text})
    for number, model, correct in zip(outcomes.prompt.tolist(), outcomes.model.tolist(), outcomes.correct, strict=True):
        row = {"prompt_id": str(number), "model": outcomes.models[model], "output_tokens": 50}
        if number < 60 and model < 2:
            lines["a" if number < 30 else "b"].append({**row, "correct": float(correct)})
        elif model < 2:
            lines["test"] += [row, {**row, "model": NEW}] if model else [row]
    for name, rows in lines.items():
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    prices = f"model,input_usd_per_mtok,output_usd_per_mtok\n{STRONG},5,15\n{WEAK},0.1,0.2\n{NEW},0.2,0.3\n"
    (folder / "prices.csv").write_text(prices)
    return folder


def run(files: Path, *more: str) -> Result:
    words = ["--train", str(files / "a.jsonl"), str(files / "b.jsonl"), "--test", str(files / "test.jsonl")]
    words += ["--prompts", str(files / "prompts.jsonl"), f"--prices={files / 'prices.csv'}", "--processes", "1", *more]
    return CliRunner().invoke(evaluate_command, words, catch_exceptions=False)


def test_a_model_that_was_never_seen_is_among_the_choices(files: Path, tmp_path: Path) -> None:
    out = tmp_path / "choices.jsonl"
    result = run(files, "--new-model", NEW, "--choices", str(out))
    assert result.exit_code == 0, result.output
    assert "only" in result.stderr
    choices = [json.loads(line) for line in out.read_text().splitlines()]
    assert len(choices) == 20 * 2 * 4
    assert {choice["accepted"] for choice in choices} <= {STRONG, WEAK, NEW}


def test_more_answers_of_a_new_model_than_there_are_is_an_error(files: Path) -> None:
    with pytest.raises(DataError, match=f"the new model '{NEW}' has 0 outcomes to learn from, and not 5"):
        run(files, "--new-model", NEW, "--labels", "5")


def test_the_reference_cannot_be_the_model_that_is_held_back(files: Path) -> None:
    with pytest.raises(DataError, match=f"'{NEW}' cannot be both the reference and the new model"):
        run(files, "--new-model", NEW, "--reference", NEW)


def test_a_file_of_choices_of_no_known_kind_is_refused_before_anything_is_read(files: Path, tmp_path: Path) -> None:
    (tmp_path / "broken.csv").write_text("nothing")
    with pytest.raises(DataError, match="neither Parquet"):
        run(files, "--choices", "choices.csv", "--prices", str(tmp_path / "broken.csv"))


def test_a_value_after_an_option_that_takes_one_is_no_other_file(files: Path) -> None:
    result = run(files, "--seed", "1", "2")
    assert result.exit_code == 2
    assert "unexpected extra argument" in result.output


def test_prices_without_a_line_are_an_error_in_words(files: Path, tmp_path: Path) -> None:
    (tmp_path / "none.csv").write_text("")
    with pytest.raises(DataError, match="has no column 'model'"):
        run(files, "--prices", str(tmp_path / "none.csv"))


def test_a_reference_that_costs_nothing_is_refused(files: Path, tmp_path: Path) -> None:
    free = f"model,input_usd_per_mtok,output_usd_per_mtok\n{STRONG},0,0\n{WEAK},0,0\n"
    (tmp_path / "free.csv").write_text(free)
    with pytest.raises(DataError, match="costs nothing at these prices"):
        run(files, "--prices", str(tmp_path / "free.csv"))


def test_prompts_that_were_learned_from_are_told_of(files: Path) -> None:
    result = CliRunner().invoke(
        evaluate_command,
        [
            *("--train", str(files / "a.jsonl"), "--test", str(files / "a.jsonl")),
            *("--prompts", str(files / "prompts.jsonl"), "--prices", str(files / "prices.csv")),
            *("--models", f"{STRONG},nobody"),
        ],
    )
    assert "30 of the prompts to measure on are learned from" in result.stderr
