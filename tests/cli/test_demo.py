from pathlib import Path

import pytest

from tests.cli.run import Command


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--limit", "5"), "go with --outcomes"),
        (("--shipped-router",), "go with --outcomes"),
        (("--requests", "3"), "20<=x"),
        (("--outcomes", "nowhere"), "does not exist"),
        (("--router", "nowhere"), "does not exist"),
    ],
)
def test_what_makes_no_sense_is_refused_before_anything_starts(
    entrepot: Command, words: tuple[str, ...], said: str
) -> None:
    result = entrepot("demo", *words)
    assert result.exit_code == 2
    assert said in result.output


def test_a_folder_without_outcomes_is_refused(entrepot: Command, tmp_path: Path) -> None:
    result = entrepot("demo", "--outcomes", str(tmp_path))
    assert result.exit_code == 2
    assert "zeroeval_prompts.parquet" in result.output


def test_the_router_is_named_once(entrepot: Command, tmp_path: Path) -> None:
    file = tmp_path / "a.router"
    file.write_bytes(b"")
    result = entrepot("demo", "--outcomes", str(tmp_path), "--router", str(file), "--shipped-router")
    assert result.exit_code == 2
    assert "give one of them" in result.output


def test_help_names_the_extra_that_recorded_outcomes_need(entrepot: Command) -> None:
    assert "entrepot[learn]" in entrepot("demo", "--help").output
