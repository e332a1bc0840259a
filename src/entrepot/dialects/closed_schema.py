"""JSON Schema as Anthropic's models take it for structured output, whoever hosts them.

Source: Anthropic, "Structured outputs" (JSON Schema limitations); what its own SDK does to a schema (anthropic 2.12.0). Rules of
this file: every object is closed, and bounds that are refused become words of the description, so the model still reads them.
What is open on purpose (`additionalProperties` other than absent) stays as it is: to close it would change what is asked.
"""

from __future__ import annotations

from typing import Any

import msgspec

_REFUSED: dict[str, frozenset[str]] = {
    "integer": frozenset({"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"}),
    "number": frozenset({"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"}),
    "string": frozenset({"minLength", "maxLength"}),
    "array": frozenset({"maxItems", "uniqueItems", "contains", "minContains", "maxContains"}),
    "object": frozenset({"minProperties", "maxProperties", "propertyNames"}),
}


def close_schema(schema: Any) -> Any:  # noqa: ANN401 - a JSON Schema is any JSON
    """The schema with its objects closed, and without the bounds that are refused."""
    if isinstance(schema, list):
        return [close_schema(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    types = schema.get("type")
    kinds = [types] if isinstance(types, str) else [each for each in types or () if isinstance(each, str)]
    moved = {name: value for name, value in schema.items() if _is_refused(name, value, kinds)}
    closed = {name: close_schema(value) for name, value in schema.items() if name not in moved}
    if "object" in kinds and "additionalProperties" not in schema:
        closed["additionalProperties"] = False
    if moved:
        words = msgspec.json.encode(moved).decode()
        closed["description"] = f"{schema['description']}\n{words}" if "description" in schema else words
    return closed


def _is_refused(name: str, value: object, kinds: list[str]) -> bool:
    if name == "minItems" and "array" in kinds:
        return value not in (0, 1)
    return any(name in _REFUSED.get(kind, ()) for kind in kinds)
