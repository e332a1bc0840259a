from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner

from entrepot.cli.train import train_command
from entrepot.errors import DataError
from entrepot.routing.artifact import default_artifact_path, load_artifact
from entrepot.routing.checks import STRONG, WEAK, made_up_outcomes


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Outcomes, prompts and prices, as an operator would have them."""
    folder = tmp_path_factory.mktemp("files")
    outcomes = made_up_outcomes(80)
    with (folder / "prompts.jsonl").open("w") as file:
        for number, prompt in enumerate(outcomes.prompts):
            file.write(json.dumps({"prompt_id": str(number), "prompt": prompt.text, "category": "made up"}) + "\n")
    with (folder / "outcomes.jsonl").open("w") as file:
        for prompt, model, correct, tokens in zip(
            outcomes.prompt, outcomes.model, outcomes.correct, outcomes.output_tokens, strict=True
        ):
            row = {"prompt_id": str(prompt), "model": outcomes.models[model], "correct": float(correct)}
            file.write(json.dumps({**row, "output_tokens": max(float(tokens), 0)}) + "\n")
    (folder / "prices.csv").write_text(f"model,input_usd_per_mtok,output_usd_per_mtok\n{STRONG},5,15\n{WEAK},0.1,0.2\n")
    return folder


def run(files: Path, *more: str) -> str:
    arguments = ["--outcomes", str(files / "outcomes.jsonl"), "--prompts", str(files / "prompts.jsonl"), *more]
    result = CliRunner().invoke(train_command, arguments, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


def test_writes_a_router_and_prints_cross_validated_figures(files: Path, tmp_path: Path) -> None:
    out = tmp_path / "mine.router"
    said = run(files, "--out", str(out), "--window", "2026-10", "--source", "made up", "--from", "none")
    artifact = load_artifact(out)
    assert artifact.provenance.window == "2026-10"
    assert artifact.provenance.sources == ("made up",)
    assert "Cross-validated" in said
    assert STRONG in said
    assert artifact.digest[:12] in said.replace("\n", "")


def test_few_prompts_are_taken_in_by_the_router_that_ships(files: Path, tmp_path: Path) -> None:
    shipped = load_artifact(default_artifact_path())
    out = tmp_path / "mine.router"
    run(files, "--out", str(out))
    assert load_artifact(out).provenance.sources == ("outcomes.jsonl", f"taken in by {shipped.version}")
    again = tmp_path / "again.router"
    run(files, "--out", str(again), "--from", str(out))
    assert load_artifact(again).provenance.sources[1] == f"taken in by {load_artifact(out).version}"


def test_prompts_without_outcomes_make_no_prompts_of_few_many(files: Path, tmp_path: Path) -> None:
    more = tmp_path / "more.jsonl"
    rows = [{"prompt_id": f"unasked {n}", "prompt": f"Nobody was asked this: {n}"} for n in range(300)]
    more.write_text("".join(json.dumps(row) + "\n" for row in rows))
    out = tmp_path / "mine.router"
    run(files, "--prompts", str(more), "--out", str(out))
    provenance = load_artifact(out).provenance
    assert provenance.prompts == 80
    assert provenance.sources[1].startswith("taken in by")


def test_one_prompt_is_too_few_to_fit_on_and_enough_to_be_taken_in(files: Path, tmp_path: Path) -> None:
    rows = (files / "outcomes.jsonl").read_text().splitlines()
    (tmp_path / "one.jsonl").write_text("".join(row + "\n" for row in rows if '"prompt_id": "3"' in row))
    words = ["--outcomes", str(tmp_path / "one.jsonl"), "--prompts", str(files / "prompts.jsonl")]
    with pytest.raises(DataError, match="of one prompt only"):
        CliRunner().invoke(train_command, [*words, "--from", "none"], catch_exceptions=False)
    out = tmp_path / "mine.router"
    taken = CliRunner().invoke(train_command, [*words, "--out", str(out)], catch_exceptions=False)
    assert taken.exit_code == 0, taken.output
    assert load_artifact(out).provenance.prompts == 1


def test_measures_on_the_half_that_was_not_learned_from(files: Path) -> None:
    said = json.loads(
        run(
            files,
            "--half",
            "0",
            "--half",
            "1",
            "--prices",
            str(files / "prices.csv"),
            "--pool",
            f"{STRONG}, {WEAK}",
            "--json",
        )
    )
    assert [half["seed"] for half in said["halves"]] == [0, 1]
    report = said["halves"][0]["reports"][0]
    assert report["prompts"] == 40
    assert report["reference"] == STRONG
    assert {point["strategy"] for point in report["points"]} >= {
        "auto",
        "random",
        "domain table",
        "oracle",
        STRONG,
        WEAK,
    }
    assert said["figures"][0]["model"] == "all models"


def test_a_half_without_prices_or_pool_says_what_it_needs(files: Path) -> None:
    arguments = ["--outcomes", str(files / "outcomes.jsonl"), "--prompts", str(files / "prompts.jsonl"), "--half", "0"]
    result = CliRunner().invoke(train_command, arguments)
    assert result.exit_code == 2
    assert "needs --prices and at least one --pool" in result.output


def test_the_same_files_give_the_same_router(files: Path, tmp_path: Path) -> None:
    contents = set()
    for name in ("one", "other"):
        run(files, "--out", str(tmp_path / name))
        contents.add((tmp_path / name).read_bytes())
    assert len(contents) == 1


def test_figures_are_json_that_a_program_can_read(files: Path) -> None:
    figures = msgspec.json.decode(run(files, "--json"))["figures"]
    assert all(set(row) == {"model", "outcomes", "quality", "auc", "ece"} for row in figures)
