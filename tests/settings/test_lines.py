from __future__ import annotations

import json
import tomllib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from entrepot.settings.lines import Path, find_lines, line_of

# Keys as TOML writes them, beside what they mean: bare, quoted, literal, with escapes, dots, brackets and Chinese.
KEYS = [
    ("name", "name"),
    ("max_loss-2", "max_loss-2"),
    ("1234", "1234"),
    ('"quo ted"', "quo ted"),
    ('"a.b"', "a.b"),
    ('"模型"', "模型"),
    ('"\\u6a21\\t\\"x"', '模\t"x'),
    ("'C:\\path'", "C:\\path"),
    ("''", ""),
    ('"[x] # = {"', "[x] # = {"),
]
DECOYS = [
    '"plain"',
    "'literal # [a]'",
    '"""\n[[decoy]]\nkey = 1\n"""',
    '"""ends in quotes\\\\"" """',
    '"""two at the end"""""',
    "'''\n[decoy]\n# it's = {\n'''",
    '"\\"escaped # [x]"',
    "1979-05-27 07:32:00",
    "-1.5e3",
    "true",
    '"中文 = {"',
]
MARKERS = st.just(None)
SCALARS = st.one_of(MARKERS, st.sampled_from(DECOYS))
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.tuples(st.just("array"), st.lists(inner, max_size=3), st.booleans()),
        st.tuples(st.just("table"), st.lists(st.tuples(st.sampled_from(KEYS), inner), max_size=3)),
    ),
    max_leaves=6,
)
PAIRS = st.lists(st.tuples(st.lists(st.sampled_from(KEYS), min_size=1, max_size=2), VALUES), max_size=4)
TABLES = st.lists(
    st.tuples(st.booleans(), st.lists(st.sampled_from(KEYS), min_size=1, max_size=3), PAIRS, st.booleans()), max_size=5
)


class Writer:
    """Writes TOML out of what hypothesis draws; every marker is a number of its own, so its line can be found again."""

    def __init__(self) -> None:
        self.markers = 0

    def value(self, drawn: Any) -> str:
        if drawn is None:
            self.markers += 1
            return str(700_000 + self.markers)
        if isinstance(drawn, str):
            return drawn
        if drawn[0] == "array":
            separator = ",\n  # a comment [with] = brackets\n  " if drawn[2] else ", "
            end = "\n" if drawn[2] else ""
            return f"[{end}{separator.join(self.value(item) for item in drawn[1])}{end}]"
        return "{" + ", ".join(f"{key[0]} = {self.value(item)}" for key, item in drawn[1]) + "}"

    def document(self, pairs: list[Any], tables: list[Any]) -> str:
        lines = ["# a comment", *self.pairs(pairs)]
        for is_array, keys, inner, indented in tables:
            name = " . ".join(key[0] for key in keys)
            header = f"[[ {name} ]]" if is_array else f"[{name}] # [comment]"
            lines += ["", ("  " if indented else "") + header, *self.pairs(inner)]
        return "\n".join(lines) + "\n"

    def pairs(self, pairs: list[Any]) -> list[str]:
        return [f"{'.'.join(key[0] for key in keys)} = {self.value(value)} # x = 1" for keys, value in pairs]


def paths_of(value: object, path: Path = ()) -> dict[Path, object]:
    """Every key path of a parsed document, with what is there."""
    found: dict[Path, object] = {path: value} if path else {}
    if isinstance(value, dict):
        for key, inner in value.items():
            found |= paths_of(inner, (*path, key))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            found |= paths_of(inner, (*path, index))
    return found


@given(PAIRS, TABLES)
def test_finds_the_paths_that_tomllib_finds_and_the_line_of_every_marker(pairs: list[Any], tables: list[Any]) -> None:
    document = Writer().document(pairs, tables)
    try:
        parsed = tomllib.loads(document)
    except tomllib.TOMLDecodeError:
        return  # drawn keys clash, which TOML forbids
    lines = find_lines(document)
    assert find_lines(document.rstrip("\n")) == lines
    paths = paths_of(parsed)
    assert set(lines) == set(paths)
    written = document.split("\n")
    for path, value in paths.items():
        if isinstance(value, int) and value > 700_000:
            assert str(value) in written[lines[path] - 1]


@given(st.text(alphabet=st.characters(exclude_categories=["Cs", "Cc"]), max_size=20))
def test_reads_any_quoted_key(key: str) -> None:
    document = f"\n{json.dumps(key, ensure_ascii=False)} = 1\n"
    assert find_lines(document) == {(name,): 2 for name in tomllib.loads(document)}


def test_a_table_inside_the_newest_of_an_array_of_tables_has_its_index() -> None:
    document = "[[a]]\n[a.b]\nx = 1\n[[a]]\n[[a.c]]\n[[a.c]]\ny = 2\n"
    lines = find_lines(document)
    assert lines["a", 0, "b", "x"] == 3
    assert lines["a", 1, "c", 1, "y"] == 7


@pytest.mark.parametrize(("path", "line"), [(("a", "b"), 2), (("a", "missing"), 1), (("missing",), None), ((), None)])
def test_a_missing_key_has_the_line_of_its_table(path: Path, line: int | None) -> None:
    assert line_of(find_lines("[a]\nb = 1\n"), path) == line
