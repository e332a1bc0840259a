"""A value that fits a JSON Schema: what a stand-in says when an answer must have a form, and what it calls tools with."""

from __future__ import annotations

from typing import Any

_DEPTH = 12  # a recursive schema is cut off here; deeper than any that people write by hand


def value_for(schema: dict[str, Any], answer: str) -> Any:  # noqa: ANN401 - any JSON value
    """A value of `schema`. Strings are `answer`; of choices the first is taken; every property is given."""
    return _value(schema, answer, schema, 0)


def _value(schema: Any, answer: str, root: dict[str, Any], depth: int) -> Any:  # noqa: ANN401 - any JSON value
    if not isinstance(schema, dict) or depth > _DEPTH:
        return None
    if "$ref" in schema:
        return _value(_resolve(str(schema["$ref"]), root), answer, root, depth + 1)
    if "const" in schema:
        return schema["const"]
    if schema.get("enum"):
        return answer if answer in schema["enum"] else schema["enum"][0]
    for several in ("anyOf", "oneOf", "allOf"):
        if schema.get(several):
            return _value(schema[several][0], answer, root, depth + 1)
    kind = schema.get("type")
    if isinstance(kind, list):
        kind = kind[0] if kind else None
    if kind == "array":
        return [_value(schema.get("items", {}), answer, root, depth + 1) for _ in range(schema.get("minItems", 1))]
    if kind == "object" or "properties" in schema:
        return {
            name: _value(inner, answer, root, depth + 1) for name, inner in (schema.get("properties") or {}).items()
        }
    return _scalar(kind, schema, answer)


def _scalar(kind: object, schema: dict[str, Any], answer: str) -> Any:  # noqa: ANN401 - any JSON value
    if kind == "string":
        return answer[: schema["maxLength"]] if "maxLength" in schema else answer
    if kind in {"integer", "number"}:
        try:
            return int(answer) if kind == "integer" else float(answer)
        except ValueError:
            return schema.get("minimum", 1)
    if kind == "boolean":
        return True
    return None


def _resolve(reference: str, root: dict[str, Any]) -> Any:  # noqa: ANN401 - any JSON value
    place: Any = root
    for step in reference.removeprefix("#/").split("/"):
        place = place.get(step, {}) if isinstance(place, dict) else {}
    return place
