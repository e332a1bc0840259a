"""JSON Schema, and the schema of the API's own (OpenAPI 3.0's subset with `nullable` and upper-case types).

Rules of this file: `to_json_schema` widens the API's schema to JSON Schema; nothing is lost. `to_api_schema` narrows: references
are put in place, null becomes `nullable`, and keywords that the API refuses (`$schema`, `additionalProperties`, …) are left out,
so the model may be held to less than the schema says, never to more. A schema that refers to itself cannot be put in place and
becomes a plain object there.
"""

from __future__ import annotations

from typing import Any

from entrepot.dialects.gemini_generate.wire import camel_case

_KEPT = frozenset(
    (
        "title description format default example minItems maxItems minLength maxLength minimum maximum pattern "
        "minProperties maxProperties required propertyOrdering"
    ).split()
)
"""Keywords that mean the same on both sides (google-genai 3.4.0, `types.Schema`)."""
_COUNTS = frozenset("minItems maxItems minLength maxLength minProperties maxProperties".split())
_MAX_PLACED = 20_000
"""So many schemas are put in place at most: references to references may double at every step."""


def to_json_schema(schema: dict[str, Any]) -> dict[str, Any]:
    """The API's schema as JSON Schema: lower-case types, null as a type. Field names may be snake_case."""
    named = {camel_case(name): value for name, value in schema.items()}
    plain: dict[str, Any] = {}
    for name, value in named.items():
        if name == "type" and isinstance(value, str):
            plain["type"] = value.lower()
        elif name == "properties" and isinstance(value, dict):
            plain[name] = {key: _widened(inner) for key, inner in value.items()}
        elif name == "items":
            plain[name] = _widened(value)
        elif name in ("anyOf", "oneOf", "allOf", "prefixItems") and isinstance(value, list):
            plain[name] = [_widened(inner) for inner in value]
        elif name in _COUNTS and isinstance(value, str) and value.isdecimal():
            plain[name] = int(value)  # protocol buffers write 64-bit numbers as text
        elif name == "example":
            plain["examples"] = [value]
        elif name not in ("nullable",) and not (name == "format" and value == "enum"):
            plain[name] = value
    if named.get("nullable"):
        _allow_null(plain)
    return plain


def _widened(schema: object) -> object:
    return to_json_schema(schema) if isinstance(schema, dict) else schema


def _allow_null(schema: dict[str, Any]) -> None:
    if isinstance(schema.get("type"), str):
        schema["type"] = [schema["type"], "null"]
        if isinstance(schema.get("enum"), list) and None not in schema["enum"]:
            schema["enum"] = [*schema["enum"], None]
    elif isinstance(schema.get("anyOf"), list):
        schema["anyOf"] = [*schema["anyOf"], {"type": "null"}]


def to_api_schema(schema: dict[str, Any]) -> dict[str, Any]:
    """JSON Schema narrowed to what the API's own schema can say."""
    return _Narrower(schema).narrow(schema, ())


class _Narrower:
    """Narrows one schema; `root` is where its references point to."""

    def __init__(self, root: dict[str, Any]) -> None:
        self._root = root
        self._left = _MAX_PLACED

    def narrow(self, schema: object, within: tuple[str, ...]) -> dict[str, Any]:
        """`within` are the references that led here."""
        self._left -= 1
        if not isinstance(schema, dict):
            return {}
        reference = schema.get("$ref")
        if isinstance(reference, str):
            beside = {name: value for name, value in schema.items() if name != "$ref"}
            if reference in within or self._left < 0:
                return {"type": "OBJECT", **{k: v for k, v in beside.items() if k in ("description", "title")}}
            return self.narrow({**self._resolve(reference), **beside}, (*within, reference))
        narrow = {name: value for name, value in schema.items() if name in _KEPT}
        _narrow_type(schema, narrow)
        _narrow_values(schema, narrow)
        if isinstance(schema.get("properties"), dict):
            narrow["properties"] = {key: self.narrow(inner, within) for key, inner in schema["properties"].items()}
        if isinstance(schema.get("items"), dict):
            narrow["items"] = self.narrow(schema["items"], within)
        elif isinstance(schema.get("prefixItems"), list):
            narrow["items"] = _any_of([self.narrow(inner, within) for inner in schema["prefixItems"]])
        self._narrow_alternatives(schema, narrow, within)
        return narrow

    def _resolve(self, reference: str) -> dict[str, Any]:
        """What a local reference points to; a reference to elsewhere says nothing that the API could use."""
        if not reference.startswith("#"):
            return {}
        found: Any = self._root
        for step in reference[1:].split("/"):
            if step:
                found = found.get(step.replace("~1", "/").replace("~0", "~")) if isinstance(found, dict) else None
        return found if isinstance(found, dict) else {}

    def _narrow_alternatives(self, schema: dict[str, Any], narrow: dict[str, Any], within: tuple[str, ...]) -> None:
        for name in ("anyOf", "oneOf"):
            given = schema.get(name)
            if isinstance(given, list):
                others = [self.narrow(each, within) for each in given if each != {"type": "null"}]
                if len(others) < len(given):
                    narrow["nullable"] = True
                narrow.update({key: value for key, value in _any_of(others).items() if key not in narrow})
        for each in schema["allOf"] if isinstance(schema.get("allOf"), list) else ():
            for key, value in self.narrow(each, within).items():
                if key == "properties":
                    narrow[key] = {**value, **narrow.get(key, {})}
                elif key == "required":
                    narrow[key] = sorted({*narrow.get(key, ()), *value})
                else:
                    narrow.setdefault(key, value)


def _narrow_type(schema: dict[str, Any], narrow: dict[str, Any]) -> None:
    given = schema.get("type")
    types = [given] if isinstance(given, str) else [each for each in given or () if isinstance(each, str)]
    if "null" in types and len(types) > 1:
        narrow["nullable"] = True
        types.remove("null")
    if len(types) == 1:
        narrow["type"] = types[0].upper()
    elif types:
        narrow["anyOf"] = [{"type": each.upper()} for each in types]
    elif "properties" in schema:
        narrow["type"] = "OBJECT"


def _narrow_values(schema: dict[str, Any], narrow: dict[str, Any]) -> None:
    """`enum` and `const`: the API's own are texts, so other values are left to the description."""
    values = schema["enum"] if isinstance(schema.get("enum"), list) else None
    if values is None and "const" in schema:
        values = [schema["const"]]
    if values is None:
        return
    if None in values:
        narrow["nullable"] = True
    texts = [value for value in values if value is not None]
    if all(isinstance(value, str) for value in texts):
        narrow["enum"] = texts
        narrow.setdefault("type", "STRING")
        narrow["format"] = "enum"


def _any_of(schemas: list[dict[str, Any]]) -> dict[str, Any]:
    distinct = [each for i, each in enumerate(schemas) if each not in schemas[:i]]
    return distinct[0] if len(distinct) == 1 else {"anyOf": distinct} if distinct else {}
