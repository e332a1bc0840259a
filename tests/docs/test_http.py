"""Tests of docs/reference/http.md: every path, header, error code and field that the code has is there, and no other."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import msgspec

import entrepot
from entrepot import errors
from entrepot.canonical.stream import FailureKind
from entrepot.dialects.registry import CLIENT_PATHS
from entrepot.errors import EntrepotError
from entrepot.exchange.records import Baseline, Served
from entrepot.ledger.checks import sample_entry
from entrepot.routing.utility import Decision
from entrepot.server.decisions import render_decision

PAGE = (Path(__file__).parents[2] / "docs" / "reference" / "http.md").read_text(encoding="utf-8")
PACKAGE = Path(entrepot.__file__).parent
# A gateway's answers are made here; the simulator's are those of its providers, and `upstream` calls them.
ROOMS = ("server", "drive", "exchange", "policy", "dialects")


def section(heading: str) -> str:
    """The text under a heading."""
    return PAGE.split(f"\n## {heading}\n", 1)[1].split("\n## ", 1)[0]


def first_cells(heading: str) -> list[str]:
    """The first cells of a section's table."""
    return re.findall(r"^\| `([^`]+)` \|", section(heading), re.MULTILINE)


def sources() -> Iterator[str]:
    """The text of every file that makes answers to clients."""
    for room in ROOMS:
        for path in sorted((PACKAGE / room).rglob("*.py")):
            yield path.read_text(encoding="utf-8")


def tree(root: type[EntrepotError]) -> Iterator[type[EntrepotError]]:
    """An error and all that are made of it."""
    yield root
    for below in root.__subclasses__():
        yield from tree(below)


def test_every_error_code_is_documented_and_no_other() -> None:
    written = {code for text in sources() for code in re.findall(r'\bcode="(\w+)"', text)}
    of_classes = {error.code for error in tree(EntrepotError) if error.__module__ == errors.__name__}
    codes = first_cells("Errors")
    assert len(codes) == len(set(codes))
    assert set(codes) == written | of_classes | set(get_args(FailureKind))


def test_every_code_has_the_status_of_its_error() -> None:
    documented = dict(re.findall(r"^\| `(\w+)` \| (\d+) \|", section("Errors"), re.MULTILINE))
    for error in tree(errors.CallerError):
        assert documented[error.code] == str(error.status), error.code


def test_every_header_of_ours_is_documented_and_no_other() -> None:
    in_code = {header for text in sources() for header in re.findall(r"\bx-entrepot-[a-z-]*[a-z]\b", text)}
    documented = {*first_cells("Request headers"), *first_cells("Response headers")}
    assert {header for header in documented if header.startswith("x-entrepot-")} == in_code


def test_every_path_is_documented_and_no_other() -> None:
    files = (
        "server/endpoints.py",
        "server/feedback.py",
        "server/verdicts.py",
        "server/status.py",
        "server/models.py",
        "dialects/counting.py",
    )
    code = "".join((PACKAGE / file).read_text(encoding="utf-8") for file in files)
    paths = set(re.findall(r'"(/(?:v1/[\w/.]*|v1beta/models|livez|readyz|metrics|openapi\.json|))"', code))
    paths |= set(CLIENT_PATHS)
    documented = {cell.split(" ")[1].replace("{id}", "").replace("{name}", "") for cell in first_cells("Endpoints")}
    assert documented == paths | CLIENT_PATHS.keys()


def test_every_field_of_a_decision_is_documented_and_no_other() -> None:
    fields = first_cells("GET /v1/decisions/{id}")
    assert fields == list(render_decision(sample_entry(0)))


def test_what_is_inside_a_decision_is_documented() -> None:
    text = section("GET /v1/decisions/{id}")
    shown = msgspec.to_builtins(sample_entry(0).attempts[0])
    wanted = [
        *Served.__struct_fields__,
        *Decision.__struct_fields__,
        "number",
        "deployment",
        "status",
        "failure",
        "currency",
    ]
    assert set(wanted[-5:]) <= set(shown)
    wanted += [field for field in Baseline.__struct_fields__ if field in ("deployment", "model", "measured")]
    assert [name for name in dict.fromkeys(wanted) if f"`{name}`" not in text and name != "promise"] == []
