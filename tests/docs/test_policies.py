"""Tests of examples/policies: every file loads, every case holds, and every rule is held by some case."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from entrepot.settings.cases import load_cases, run_case
from entrepot.settings.load import load_settings
from entrepot.settings.schema import Settings
from entrepot.settings.sensing import build_sensor

ROOT = Path(__file__).parent.parent.parent
EXAMPLES = sorted(
    file for file in (ROOT / "examples" / "policies").glob("*.toml") if not file.name.endswith(".cases.toml")
)
CONCEPTS = (ROOT / "docs" / "concepts" / "policy.md").read_text(encoding="utf-8")


def wrong(file: Path, settings: Settings) -> list[str]:
    """What does not hold of the cases beside the file."""
    sensor = build_sensor(settings)
    cases = load_cases(file.with_suffix(".cases.toml"), settings)
    return [told for case in cases for told in run_case(case, settings, sensor).wrong]


@pytest.mark.parametrize("file", EXAMPLES, ids=lambda file: file.stem)
def test_every_case_holds(file: Path) -> None:
    assert wrong(file, load_settings(file, {})) == []


@pytest.mark.parametrize("file", EXAMPLES, ids=lambda file: file.stem)
def test_no_rule_could_be_left_out_without_a_case_that_shows_it(file: Path) -> None:
    settings = load_settings(file, {})
    for rule in settings.rules:
        others = tuple(other for other in settings.rules if other != rule)
        assert wrong(file, msgspec.structs.replace(settings, rules=others)), rule.name


def test_every_example_is_shown_in_the_documents_and_in_its_own_index() -> None:
    index = (ROOT / "examples" / "policies" / "README.md").read_text(encoding="utf-8")
    assert len(EXAMPLES) == 5
    for file in EXAMPLES:
        assert f"`{file.stem}`" in index
        assert f"examples/policies/{file.name}" in CONCEPTS


def test_what_the_documents_show_of_an_example_is_what_it_says() -> None:
    for file in EXAMPLES:
        for rule in file.read_text(encoding="utf-8").split("[[policy]]")[1:2]:
            (shown,) = (line for line in rule.splitlines() if line.startswith(("require", "deny", "prefer")))
            assert shown in CONCEPTS, file.name
