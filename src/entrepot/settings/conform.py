"""Does a parsed document conform to a shape: every unknown key, missing key and wrong value at once, in plain words.

Rules of this file: structs are walked here, so that all problems are found and each has its key path; what is not a struct
is judged by msgspec. Values are echoed only where they may be echoed (words out of a fixed list).
"""

from __future__ import annotations

import math
import re
import types
import typing
from decimal import Decimal
from functools import cache
from typing import Any, TypeVar

import msgspec

from entrepot.catalog.nearest import did_you_mean
from entrepot.settings.lines import Path
from entrepot.settings.problems import Problems, quote

S = TypeVar("S", bound=msgspec.Struct)

_WORDS = {
    "int": "a whole number",
    "float": "a number",
    "decimal": "a number",
    "str": "text in quotes",
    "bool": "true or false",
    "array": "a list in [brackets]",
    "object": "a table",
    "date": "a date such as 2026-11-21",
    "datetime": "a date with a time",
    "null": "nothing",
}


def conform(value: object, shape: type[S], path: Path, problems: Problems) -> S | None:
    """`value` as a `shape`; None after noting every problem found inside it."""
    before = len(problems)
    _walk_struct(value, shape, path, problems)
    if len(problems) > before:
        return None
    return msgspec.convert(value, shape)


def _walk_struct(value: object, shape: type[msgspec.Struct], path: Path, problems: Problems) -> None:
    if not isinstance(value, dict):
        problems.add(path, f"expected a table, got {_kind(value)}")
        return
    hints = _hints(shape)
    for key, inner in value.items():
        if key in hints:
            _walk(inner, hints[key], (*path, key), problems)
        else:
            problems.add((*path, key), f"there is no such setting{did_you_mean(key, hints)}")
    for field in msgspec.structs.fields(shape):
        if field.required and field.name not in value:
            problems.add(path, f"'{field.name}' is missing")


def _walk(value: object, hint: object, path: Path, problems: Problems) -> None:
    struct = _struct_in(hint)
    if struct is not None:
        _walk_struct(value, struct, path, problems)
        return
    item = _struct_item_in(hint)
    if item is not None:
        if not isinstance(value, list):
            problems.add(path, f"expected a list of tables, [[{path[-1]}]], got {_kind(value)}")
            return
        for index, inner in enumerate(value):
            _walk_struct(inner, item, (*path, index), problems)
        return
    _judge(value, hint, path, problems)


def _judge(value: object, hint: object, path: Path, problems: Problems) -> None:
    if isinstance(value, Decimal) and not value.is_finite():
        problems.add(path, "must be a finite number")
        return
    try:
        if isinstance(converted := msgspec.convert(value, hint), float) and not math.isfinite(converted):
            problems.add(path, "is too large a number")
    except msgspec.ValidationError as error:
        message, place = str(error), path
        inside = re.search(r" - at `\$((?:\[\d+\])+)`$", message)
        if inside:
            message = message[: inside.start()]
            place = (*path, *(int(index) for index in re.findall(r"\d+", inside[1])))
        problems.add(place, _in_words(message, _at(value, place[len(path) :]), hint))


def _in_words(message: str, value: object, hint: object) -> str:
    if message.startswith("Invalid enum value") and isinstance(value, str):
        return f"{quote(value)} is not one of the words known here{did_you_mean(value, _choices(hint))}"
    if "matching regex" in message:
        return _pattern_in_words(message)
    if "of length >= 1" in message:
        return "must not be empty"
    bound = re.search(r"(<=|>=|<|>) ([-\d.]+)$", message)
    if bound:
        word = {"<=": "at most", ">=": "at least", "<": "less than", ">": "more than"}[bound[1]]
        return f"must be {word} {bound[2].removesuffix('.0')}"
    wanted = re.match(r"Expected `([^`]+)`", message)
    if wanted:
        names = [name.strip() for name in wanted[1].split("|")]
        words = " or ".join(_WORDS.get(name, name) for name in names if name != "null")
        return f"expected {words}, got {_kind(value)}"
    return message[:1].lower() + message[1:]


def _pattern_in_words(message: str) -> str:
    if "{64}" in message:
        return 'expected 64 hex digits in lower case, as "entrepot keys new" prints them'
    return 'expected a country as two capital letters, such as "CN" or "US"'


def _kind(value: object) -> str:
    if isinstance(value, str):
        return "text"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | Decimal):
        return f"the number {value}"
    if isinstance(value, list):
        return "a list"
    if isinstance(value, dict):
        return "a table"
    return "a date or time"


def _at(value: object, path: Path) -> object:
    for part in path:
        value = value[part] if isinstance(value, list) and isinstance(part, int) else value
    return value


@cache
def _hints(shape: type[msgspec.Struct]) -> dict[str, Any]:
    return typing.get_type_hints(shape, include_extras=True)


def _bare(hint: object) -> object:
    while typing.get_origin(hint) is typing.Annotated:
        hint = typing.get_args(hint)[0]
    return hint


def _struct_in(hint: object) -> type[msgspec.Struct] | None:
    """The struct that `hint` is, alone or beside None."""
    for member in _members(hint):
        if isinstance(member, type) and issubclass(member, msgspec.Struct):
            return member
    return None


def _struct_item_in(hint: object) -> type[msgspec.Struct] | None:
    """The struct of which `hint` is a tuple."""
    bare = _bare(hint)
    return _struct_in(typing.get_args(bare)[0]) if typing.get_origin(bare) is tuple else None


def _members(hint: object) -> list[object]:
    bare = _bare(hint)
    if typing.get_origin(bare) in (types.UnionType, typing.Union):
        return [_bare(member) for member in typing.get_args(bare)]
    return [bare]


def _choices(hint: object) -> list[str]:
    """The words of every Literal in `hint`."""
    bare = _bare(hint)
    if typing.get_origin(bare) is typing.Literal:
        return [word for word in typing.get_args(bare) if isinstance(word, str)]
    return [word for inner in typing.get_args(bare) if inner is not Ellipsis for word in _choices(inner)]
