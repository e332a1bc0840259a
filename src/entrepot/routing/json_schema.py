"""The part of JSON Schema that checks answers: what a schema demands of a JSON value, in words that repeat none of it.

Source: JSON Schema 2020-12, core and validation. Rules of this file: a keyword that is not known here is refused when the
schema is read, because a demand that nobody checks would pass as kept; `format` is an annotation, as in the standard's
default. What is found names places and demands of the schema and never a word of the answer. A schema that follows its own
references deeper than MAX_DEPTH finds the value wrong.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Hashable, Iterator, Mapping
from decimal import Decimal
from typing import Any, TypeGuard

MAX_DEPTH = 64

_ANNOTATIONS = frozenset(
    "title description default examples example format deprecated readOnly writeOnly $schema $id $comment $anchor "
    "contentEncoding contentMediaType".split()
)
_SCHEMAS = frozenset({"items", "additionalProperties", "not", "contains", "propertyNames"})
_LISTS = frozenset({"anyOf", "oneOf", "allOf", "prefixItems"})
_TABLES = frozenset({"properties", "patternProperties", "$defs", "definitions"})
_WHOLE = frozenset("minLength maxLength minItems maxItems minProperties maxProperties".split())
_NUMBERS = frozenset("minimum maximum exclusiveMinimum exclusiveMaximum multipleOf".split())
_OTHERS = frozenset({"type", "enum", "const", "required", "pattern", "uniqueItems", "$ref", "nullable"})


def plain(value: Any) -> Any:  # noqa: ANN401 - any JSON
    """`value` with decimals, as TOML is read, turned to the numbers that JSON is read to."""
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, Mapping):
        return {key: plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [plain(inner) for inner in value]
    return value


def schema_problem(schema: object, place: str = "$", root: object = None, depth: int = 0) -> str | None:
    """What is wrong with the schema itself, None if nothing is."""
    if isinstance(schema, bool):
        return None
    if not isinstance(schema, dict):
        return f"{place} must be a table or true or false"
    if depth > MAX_DEPTH:
        return f"{place} is nested more than {MAX_DEPTH} deep"
    root = schema if root is None else root
    for keyword, told in schema.items():
        here = f"{place}.{keyword}"
        problem = _keyword_problem(keyword, told, here, root)
        if problem is not None:
            return problem
        for name, inner in _inner_schemas(keyword, told):
            problem = schema_problem(inner, f"{here}{name}", root, depth + 1)
            if problem is not None:
                return problem
    return None


def _inner_schemas(keyword: str, told: Any) -> Iterator[tuple[str, object]]:  # noqa: ANN401 - any JSON
    if keyword in _SCHEMAS:
        yield "", told
    elif keyword in _LISTS:
        yield from ((f"[{number}]", inner) for number, inner in enumerate(told))
    elif keyword in _TABLES:
        yield from ((f".{name}", inner) for name, inner in told.items())


def _keyword_problem(keyword: str, told: object, here: str, root: object) -> str | None:
    if keyword in _ANNOTATIONS or keyword in _SCHEMAS:
        return None
    if keyword in _LISTS:
        return None if isinstance(told, list) and told else f"{here} must be a list of schemas"
    if keyword in _TABLES:
        return _table_problem(keyword, told, here)
    if keyword in _WHOLE:
        return None if type(told) is int and told >= 0 else f"{here} must be a whole number of at least 0"
    if keyword in _NUMBERS:
        positive = keyword != "multipleOf" or (_is_number(told) and told > 0)
        return None if _is_number(told) and positive else f"{here} must be a number"
    if keyword in _OTHERS:
        return _other_problem(keyword, told, here, root)
    return f"{here}: this keyword is not checked here, so it cannot be demanded; leave it out or use another check"


def _table_problem(keyword: str, told: object, here: str) -> str | None:
    if not isinstance(told, dict):
        return f"{here} must be a table of schemas"
    if keyword == "patternProperties":
        return next((f"{here}: {problem}" for name in told if (problem := regex_problem(name))), None)
    return None


def _other_problem(keyword: str, told: object, here: str, root: object) -> str | None:
    match keyword:
        case "type":
            named = told if isinstance(told, list) else [told]
            unknown = [each for each in named if not isinstance(each, str) or each not in _TYPES]
            return f"{here} must be one of {', '.join(_TYPES)}" if unknown or not named else None
        case "required":
            fine = isinstance(told, list) and all(isinstance(each, str) for each in told)
            return None if fine else f"{here} must be a list of names"
        case "enum":
            return None if isinstance(told, list) and told else f"{here} must be a list of values"
        case "pattern":
            problem = regex_problem(told)
            return None if problem is None else f"{here}: {problem}"
        case "uniqueItems" | "nullable":
            return None if isinstance(told, bool) else f"{here} must be true or false"
        case "$ref":
            found = isinstance(told, str) and _referred(told, root) is not None
            return None if found else f"{here} must point into this schema, such as #/$defs/line"
    return None


def regex_problem(pattern: object) -> str | None:
    """What is wrong with a regular expression, None if nothing is."""
    if not isinstance(pattern, str):
        return "a regular expression must be text"
    try:
        re.compile(pattern)
    except (re.error, OverflowError, RecursionError) as error:
        return f"the regular expression cannot be read: {error}"
    return None


def patterns_of(schema: object) -> Iterator[str]:
    """Every regular expression in a schema that has no problem."""
    if isinstance(schema, dict):
        if isinstance(pattern := schema.get("pattern"), str):
            yield pattern
        yield from schema.get("patternProperties", {})
        for keyword, told in schema.items():
            for _, inner in _inner_schemas(keyword, told):
                yield from patterns_of(inner)


def violation(value: object, schema: Any) -> str | None:  # noqa: ANN401 - a JSON Schema is any JSON
    """What `value` does not keep of `schema`, which has no problem; None if it keeps all."""
    return next(_violations(value, schema, "$", schema, 0), None)


def _violations(value: Any, schema: Any, place: str, root: Any, depth: int) -> Iterator[str]:  # noqa: ANN401 - any JSON
    if isinstance(schema, bool):
        if not schema:
            yield f"{place} must not be there"
        return
    if depth > MAX_DEPTH:
        yield f"{place} is nested more than {MAX_DEPTH} deep"
        return
    if "$ref" in schema:
        yield from _violations(value, _referred(schema["$ref"], root), place, root, depth + 1)
    if value is None and schema.get("nullable"):
        return
    yield from _plain_violations(value, schema, place)
    yield from _combined(value, schema, place, root, depth)
    if isinstance(value, dict):
        yield from _in_object(value, schema, place, root, depth)
    elif isinstance(value, list):
        yield from _in_list(value, schema, place, root, depth)


def _plain_violations(value: Any, schema: Mapping[str, Any], place: str) -> Iterator[str]:  # noqa: ANN401 - any JSON
    if "type" in schema:
        kinds = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
        if not any(_TYPES[kind](value) for kind in kinds):
            yield f"{place} is not of type {' or '.join(kinds)}"
    if "enum" in schema and not any(_equal(value, each) for each in schema["enum"]):
        yield f"{place} is none of the values allowed"
    if "const" in schema and not _equal(value, schema["const"]):
        yield f"{place} is not the value demanded"
    if isinstance(value, str):
        yield from _in_bounds(len(value), schema, "Length", f"{place}: its length")
        if "pattern" in schema and not re.search(schema["pattern"], value):
            yield f"{place} does not match its pattern"
    elif _is_number(value):
        yield from _in_range(value, schema, place)


def _in_range(value: float, schema: Mapping[str, Any], place: str) -> Iterator[str]:
    if value < schema.get("minimum", -math.inf) or value <= schema.get("exclusiveMinimum", -math.inf):
        yield f"{place} is too small"
    if value > schema.get("maximum", math.inf) or value >= schema.get("exclusiveMaximum", math.inf):
        yield f"{place} is too large"
    step = schema.get("multipleOf")
    # by the decimals as written: 0.3 is a multiple of 0.1 to whoever wrote them
    if step is not None and not (math.isfinite(value) and Decimal(repr(value)) % Decimal(repr(step)) == 0):
        yield f"{place} is not a multiple of {step}"


def _in_bounds(count: int, schema: Mapping[str, Any], what: str, place: str) -> Iterator[str]:
    if count < schema.get(f"min{what}", 0):
        yield f"{place} is below {schema[f'min{what}']}"
    if count > schema.get(f"max{what}", math.inf):
        yield f"{place} is above {schema[f'max{what}']}"


def _combined(value: object, schema: Mapping[str, Any], place: str, root: object, depth: int) -> Iterator[str]:
    def kept(inner: object) -> bool:
        return next(_violations(value, inner, place, root, depth + 1), None) is None

    for inner in schema.get("allOf", ()):
        yield from _violations(value, inner, place, root, depth + 1)
    if "anyOf" in schema and not any(kept(inner) for inner in schema["anyOf"]):
        yield f"{place} keeps none of its alternatives"
    if "oneOf" in schema and sum(kept(inner) for inner in schema["oneOf"]) != 1:
        yield f"{place} does not keep exactly one of its alternatives"
    if "not" in schema and kept(schema["not"]):
        yield f"{place} is what it must not be"


def _in_object(value: dict[str, Any], schema: Mapping[str, Any], place: str, root: object, depth: int) -> Iterator[str]:
    for name in schema.get("required", ()):
        if name not in value:
            yield f"{place}.{name} is missing"
    yield from _in_bounds(len(value), schema, "Properties", f"{place}: the number of its properties")
    named = schema.get("properties", {})
    patterns = schema.get("patternProperties", {})
    for name, inner in value.items():
        if "propertyNames" in schema:
            yield from _violations(name, schema["propertyNames"], f"{place} (a name)", root, depth + 1)
        matching = [told for pattern, told in patterns.items() if re.search(pattern, name)]
        if name in named:
            yield from _violations(inner, named[name], f"{place}.{name}", root, depth + 1)
        for told in matching:
            yield from _violations(inner, told, f"{place}.*", root, depth + 1)
        if name not in named and not matching and "additionalProperties" in schema:
            allowed = schema["additionalProperties"]
            if allowed is False:
                yield f"{place} has a property that is not named in the schema"
            else:
                yield from _violations(inner, allowed, f"{place}.*", root, depth + 1)


def _in_list(value: list[Any], schema: Mapping[str, Any], place: str, root: object, depth: int) -> Iterator[str]:
    yield from _in_bounds(len(value), schema, "Items", f"{place}: the number of its items")
    first = schema.get("prefixItems", [])
    for number, inner in enumerate(value):
        if number < len(first):
            yield from _violations(inner, first[number], f"{place}[{number}]", root, depth + 1)
        elif "items" in schema:
            yield from _violations(inner, schema["items"], f"{place}[{number}]", root, depth + 1)
    if schema.get("uniqueItems") and len({_key(inner) for inner in value}) < len(value):
        yield f"{place} holds something twice"
    if "contains" in schema and not any(
        next(_violations(inner, schema["contains"], place, root, depth + 1), None) is None for inner in value
    ):
        yield f"{place} lacks an item that it must contain"


def _referred(pointer: str, root: Any) -> Any:  # noqa: ANN401 - any JSON
    """What a JSON pointer (RFC 6901) finds in the schema, None if nothing."""
    if not pointer.startswith("#"):
        return None
    found = root
    for part in pointer[1:].split("/")[1:]:
        name = part.replace("~1", "/").replace("~0", "~")
        if isinstance(found, dict) and name in found:
            found = found[name]
        elif isinstance(found, list) and name.isdecimal() and int(name) < len(found):
            found = found[int(name)]
        else:
            return None
    return found if isinstance(found, dict | bool) else None


def _equal(first: object, second: object) -> bool:
    """Equal as JSON: 1 is 1.0 and is not true."""
    return _key(first) == _key(second)


def _key(value: object) -> Hashable:
    """The same for values that are equal as JSON, and for no others."""
    if isinstance(value, bool):
        return "bool", value
    if isinstance(value, list):
        return "list", tuple(_key(each) for each in value)
    if isinstance(value, dict):
        return "dict", frozenset((name, _key(each)) for name, each in value.items())
    return value


def _is_number(value: object) -> TypeGuard[int | float]:
    if isinstance(value, float):
        return math.isfinite(value)
    return isinstance(value, int) and not isinstance(value, bool)


_TYPES: Mapping[str, Callable[[object], bool]] = {
    "object": lambda value: isinstance(value, dict),
    "array": lambda value: isinstance(value, list),
    "string": lambda value: isinstance(value, str),
    "boolean": lambda value: isinstance(value, bool),
    "null": lambda value: value is None,
    "number": _is_number,
    "integer": lambda value: _is_number(value) and (isinstance(value, int) or value.is_integer()),
}
