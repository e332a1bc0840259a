"""Tests of docs/reference/lessons.md: every complaint has its row, and every test that is named there exists."""

from __future__ import annotations

import ast
import re
from pathlib import Path

TESTS = Path(__file__).parent.parent
PAGE = (TESTS.parent / "docs" / "reference" / "lessons.md").read_text(encoding="utf-8")
ROWS = re.findall(r"^\| (\d+) \| (.+) \| (.+) \|(?: (.+))? \|$", PAGE, re.MULTILINE)
COMPLAINTS = 47


def functions_of(file: Path) -> set[str]:
    """The names of a test file's tests."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}


def test_every_complaint_is_answered_once_and_in_order() -> None:
    assert [int(number) for number, _, _, _ in ROWS] == list(range(1, COMPLAINTS + 1))


def test_every_test_that_is_named_exists() -> None:
    named = re.findall(r"`([\w/]+\.py)(?:::(\w+))?`", "\n".join(cell for *_, cell in ROWS))
    missing = [
        (file, test)
        for file, test in named
        if not (TESTS / file).is_file() or (test and test not in functions_of(TESTS / file))
    ]
    assert missing == []


def test_what_has_no_test_says_that_it_is_open() -> None:
    silent = [number for number, _, answer, tests in ROWS if not tests.strip() and "**open**" not in answer]
    assert silent == []
