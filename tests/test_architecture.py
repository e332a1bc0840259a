"""Tests of the house itself: what import-linter cannot see of its rules.

Which layer may import which is proven by `make imports` (the contracts in pyproject.toml). Here: sizes, names, the
folders' docstrings, reasons beside ignores, the clock and the disk in the pure layers, and what no file may contain.
An exception to a limit is listed with its reason; one that is no longer needed fails too.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

PROJECT = Path(__file__).parent.parent
SOURCE = PROJECT / "src" / "entrepot"
MODULES = sorted(SOURCE.rglob("*.py"))
PURE = ("exchange", "routing", "policy", "dialects", "catalog", "canonical", "statistics")

LONGEST_MODULE_LINES = 400
LONGEST_FUNCTION_LINES = 60

# Path below src/entrepot -> why it is longer.
LONG_MODULES: dict[str, str] = {}

# Path below src/entrepot::function -> why it is longer.
LONG_FUNCTIONS: dict[str, str] = {}

# Path below src/entrepot -> why a pure layer reads from the disk here.
READERS = {
    "catalog/load.py": "reads the TOML that ships with it",
    "routing/artifact.py": "a fitted router is a file, read once when a process starts",
}

EMPTY_NAMES = {"utils", "util", "helpers", "common", "manager", "handler", "handlers", "service", "services", "types"}


def name_of(file: Path) -> str:
    """A source file's path below src/entrepot."""
    return file.relative_to(SOURCE).as_posix()


@cache
def parse(file: Path) -> ast.Module:
    """The syntax tree of a source file."""
    return ast.parse(file.read_text(encoding="utf-8"))


def length_of(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines of a function without its docstring: a formula may be explained at length."""
    lines = (node.end_lineno or node.lineno) - node.lineno + 1
    first = node.body[0]
    if ast.get_docstring(node) is not None:
        lines -= (first.end_lineno or first.lineno) - first.lineno + 1
    return lines


def test_a_module_is_no_longer_than_400_lines() -> None:
    lengths = {name_of(file): len(file.read_text(encoding="utf-8").splitlines()) for file in MODULES}
    long = {name: lines for name, lines in lengths.items() if lines > LONGEST_MODULE_LINES}
    assert long.keys() == LONG_MODULES.keys(), long


def test_a_function_is_no_longer_than_60_lines() -> None:
    long = {
        f"{name_of(file)}::{node.name}": length_of(node)
        for file in MODULES
        for node in ast.walk(parse(file))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and length_of(node) > LONGEST_FUNCTION_LINES
    }
    assert long.keys() == LONG_FUNCTIONS.keys(), long


def test_a_name_says_what_a_module_is_about() -> None:
    assert [
        name_of(file) for file in MODULES if EMPTY_NAMES & set(file.relative_to(SOURCE).with_suffix("").parts)
    ] == []


@pytest.mark.parametrize("folder", sorted(path.name for path in SOURCE.iterdir() if (path / "__init__.py").is_file()))
def test_a_folder_says_what_it_is_what_it_may_import_and_where_to_start(folder: str) -> None:
    docstring = ast.get_docstring(parse(SOURCE / folder / "__init__.py")) or ""
    assert re.search(r"May import|Never imports", docstring)
    if any(file.name != "__init__.py" for file in (SOURCE / folder).glob("*.py")):
        start = re.search(r"Start (?:at|with) `([\w/.]+)`", docstring)
        assert start is not None
        assert (SOURCE / folder / start[1]).is_file()


@pytest.mark.parametrize("file", MODULES, ids=name_of)
def test_a_module_opens_with_its_docstring(file: Path) -> None:
    assert ast.get_docstring(parse(file))


def calls_in(file: Path) -> Iterator[tuple[int, str]]:
    """Every call in a source file, as its line and the last word of what is called."""
    for node in ast.walk(parse(file)):
        if isinstance(node, ast.Call):
            match node.func:
                case ast.Name(id=word) | ast.Attribute(attr=word):
                    yield node.lineno, word


@pytest.mark.parametrize("file", [f for f in MODULES if name_of(f).split("/")[0] in PURE], ids=name_of)
def test_a_pure_layer_reads_no_clock_and_no_disk(file: Path) -> None:
    clock = {"now", "utcnow", "today"}
    disk = {"open", "read_text", "read_bytes", "write_text", "write_bytes", "print", "input"}
    forbidden = clock if name_of(file) in READERS else clock | disk
    assert [(line, word) for line, word in calls_in(file) if word in forbidden] == []


@pytest.mark.parametrize("file", [f for f in MODULES if name_of(f).split("/")[0] in PURE], ids=name_of)
def test_a_pure_layer_makes_no_request(file: Path) -> None:
    # import-linter sees outside packages whole, and urllib.parse is harmless.
    imported = {
        f"{node.module}.{alias.name}" if isinstance(node, ast.ImportFrom) else alias.name
        for node in ast.walk(parse(file))
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
    }
    assert [name for name in imported if name.startswith(("urllib.request", "importlib.metadata.entry"))] == []


def texts() -> Iterator[tuple[str, str]]:
    """Every text of the project, as its path and content; without what .gitignore names."""
    passed_over = {".git", "build", "dist", "__pycache__", "entrepot-data", "node_modules"}
    for file in sorted(PROJECT.rglob("*")):
        parts = file.relative_to(PROJECT).parts
        hidden = any(part in passed_over or part.startswith(".venv") or part.endswith("_cache") for part in parts)
        if hidden or parts[0] == ".hypothesis" or not file.is_file():
            continue
        try:
            yield file.relative_to(PROJECT).as_posix(), file.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue  # not a text: a router's numbers


def test_an_ignore_has_its_reason_beside_it() -> None:
    codes = r"[A-Z]+\d+(?:, ?[A-Z]+\d+)*"
    bare = re.compile(rf"# noqa(?!: {codes} +[-(—]\s*\w)|# type: ignore(?!\[[\w, -]+\] +# \w)")
    found = [
        f"{name}:{number}"
        for name, text in texts()
        if name.endswith(".py") and name != "tests/test_architecture.py"
        for number, line in enumerate(text.splitlines(), 1)
        if bare.search(line)
    ]
    assert found == []


def test_no_text_names_a_machine_or_a_package_index() -> None:
    # Written in pieces, or this file would find itself.
    forbidden = re.compile(r"(?<![\w.*~}-])/(?:home|root|Users|work)" + r"/\w|py" + r"pi\.|python" + r"hosted")
    found = [
        f"{name}:{number}: {line.strip()[:80]}"
        for name, text in texts()
        for number, line in enumerate(text.splitlines(), 1)
        if forbidden.search(line)
    ]
    assert found == []


@pytest.mark.parametrize("lock", sorted((PROJECT / "requirements").glob("*.lock")), ids=lambda path: path.name)
def test_a_lock_file_has_a_hash_for_each_package_and_no_address(lock: Path) -> None:
    text = lock.read_text(encoding="utf-8")
    assert "://" not in text
    assert " @ " not in text
    assert not re.search(r"^\s*(?:-|/|file:)(?!-hash)", text, re.MULTILINE)
    requirements = re.findall(r"^(\w[\w.\[\]-]*==.*(?:\n    .*)*)", text, re.MULTILINE)
    assert requirements
    assert [requirement.split(" ")[0] for requirement in requirements if "--hash=sha256:" not in requirement] == []


def test_core_is_locked_to_the_same_versions_for_users_and_developers() -> None:
    pinned = re.compile(r"^\w[\w.\[\]-]*==\S+", re.MULTILINE)
    core, dev = (pinned.findall((PROJECT / "requirements" / f"{name}.lock").read_text()) for name in ("core", "dev"))
    assert set(core) <= set(dev)
