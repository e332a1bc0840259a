"""Whether OpenAI's providers hold a model to a schema: strict takes only some, and refuses the request for any other.

Source: OpenAI, "Structured outputs", supported schemas: every object is closed and requires all of its properties.
"""

from __future__ import annotations

from typing import Any

_NAMED = ("properties", "$defs", "definitions")
_LISTED = ("anyOf", "prefixItems")


def strict_as_asked(strict: bool | None, schema: dict[str, Any] | None) -> bool | None:
    """`strict` as asked for, but False where the schema is none that can be held to: it then guides the model only."""
    return False if strict and not _is_strict(schema or {}) else strict


def _is_strict(schema: object) -> bool:
    if not isinstance(schema, dict):
        return True
    kinds = schema.get("type")
    if "object" in (kinds if isinstance(kinds, list) else [kinds]) or "properties" in schema:
        properties = schema.get("properties")
        names = set(properties) if isinstance(properties, dict) else set()
        required = schema.get("required")
        if schema.get("additionalProperties") is not False:
            return False
        if names - set(required if isinstance(required, list) else ()):
            return False
    inner = [each for name in _NAMED if isinstance(schema.get(name), dict) for each in schema[name].values()]
    inner += [each for name in _LISTED if isinstance(schema.get(name), list) for each in schema[name]]
    return all(_is_strict(each) for each in [*inner, schema.get("items")])
