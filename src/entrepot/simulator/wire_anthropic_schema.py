"""The JSON Schema that the Messages API takes for structured output and strict tools.

Source: Anthropic's page on structured outputs ("JSON Schema limitations") and the error texts that its users quote.
"""

from __future__ import annotations

from typing import Any

from entrepot.simulator.heard import WireError

_UNSUPPORTED = {
    "integer": ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"),
    "number": ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"),
    "string": ("minLength", "maxLength"),
    "array": ("maxItems", "uniqueItems", "contains", "prefixItems"),
    "object": ("minProperties", "maxProperties", "patternProperties", "propertyNames"),
}


def check_schema(schema: Any, at: str) -> None:  # noqa: ANN401 - a JSON Schema is any JSON
    """Raises WireError (400) for what the API does not support in it."""
    if isinstance(schema, list):
        for inner in schema:
            check_schema(inner, at)
        return
    if not isinstance(schema, dict):
        return
    kind = schema.get("type")
    if kind == "object" and schema.get("additionalProperties") is not False:
        message = "For 'object' type, 'additionalProperties' must be explicitly set to false"
        raise WireError(400, f"{at}: {message}")
    for name in _UNSUPPORTED.get(kind, ()) if isinstance(kind, str) else ():
        if name in schema:
            raise WireError(400, f"{at}: For '{kind}' type, property '{name}' is not supported")
    if kind == "array" and schema.get("minItems", 0) not in (0, 1):
        raise WireError(400, f"{at}: For 'array' type, 'minItems' values other than 0 or 1 are not supported")
    reference = schema.get("$ref", "#")
    if not isinstance(reference, str) or not reference.startswith("#"):
        raise WireError(400, f"{at}: External $ref is not supported")
    for holder in ("properties", "$defs", "definitions"):
        for inner in (schema.get(holder) or {}).values():
            check_schema(inner, at)
    for name in ("items", "anyOf", "oneOf", "allOf"):
        check_schema(schema.get(name), at)
