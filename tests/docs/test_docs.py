"""Tests of the documentation: links lead somewhere, both READMEs say the same, every sample configuration loads."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from tests.docs.fences import Fence, find_commands, find_fences, find_headings, find_local_links

PROJECT = Path(__file__).parent.parent.parent
DOCUMENTS = sorted([*PROJECT.glob("*.md"), *(PROJECT / "docs").rglob("*.md")])
CONFIG_MARK = "# entrepot.toml\n"


def read(name: str) -> str:
    """A document of the project."""
    return (PROJECT / name).read_text(encoding="utf-8")


def name_of(document: Path) -> str:
    """A document's path from the project's root."""
    return document.relative_to(PROJECT).as_posix()


def find_sample_configs() -> list[tuple[str, str]]:
    """Every TOML block that opens with `# entrepot.toml`, as where it is and its text."""
    return [
        (f"{name_of(document)}-{number}", fence.text)
        for document in DOCUMENTS
        for number, fence in enumerate(find_fences(document.read_text(encoding="utf-8")))
        if fence.language == "toml" and fence.text.startswith(CONFIG_MARK)
    ]


@pytest.mark.parametrize("document", DOCUMENTS, ids=name_of)
def test_every_local_link_leads_to_a_file(document: Path) -> None:
    links = find_local_links(document.read_text(encoding="utf-8"))
    assert [link for link in links if not (document.parent / link).exists()] == []


def test_both_readmes_have_the_same_outline() -> None:
    assert find_headings(read("README.zh.md")) == find_headings(read("README.md"))


def test_both_readmes_name_the_same_commands() -> None:
    assert find_commands(read("README.zh.md")) == find_commands(read("README.md"))


def test_both_readmes_show_the_same_program() -> None:
    def programs(name: str) -> list[Fence]:
        return [fence for fence in find_fences(read(name)) if fence.language == "python"]

    assert programs("README.zh.md") == programs("README.md")


def test_the_programs_of_the_readme_are_python() -> None:
    programs = [fence.text for fence in find_fences(read("README.md")) if fence.language == "python"]
    assert programs
    for program in programs:
        compile(program, "README.md", "exec")


def test_every_decision_is_in_the_index() -> None:
    records = {path.name for path in (PROJECT / "docs" / "decisions").glob("0*.md")}
    assert records <= set(find_local_links(read("docs/decisions/README.md")))


def test_the_map_shows_the_layers_that_import_linter_holds() -> None:
    contract = tomllib.loads(read("pyproject.toml"))["tool"]["importlinter"]["contracts"][0]
    layers = [sorted(layer.replace(" : ", " | ").split(" | ")) for layer in contract["layers"]]
    drawn = next(f.text for f in find_fences(read("docs/concepts/house.md")) if f.text.startswith("__main__"))
    assert [sorted(line.replace(" · ", " | ").split(" | ")) for line in drawn.splitlines()] == layers
