from typing import Any

import pytest

from entrepot.simulator.heard import WireError
from entrepot.simulator.wire_anthropic_schema import check_schema


def closed(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "additionalProperties": False}


@pytest.mark.parametrize(
    ("schema", "says"),
    [
        ({"type": "object"}, "'additionalProperties' must be explicitly set to false"),
        ({"type": "object", "additionalProperties": True}, "must be explicitly set to false"),
        (closed(a={"type": "object"}), "must be explicitly set to false"),
        (closed(a={"type": "integer", "minimum": 1}), "For 'integer' type, property 'minimum' is not supported"),
        (closed(a={"anyOf": [{"type": "string", "maxLength": 3}]}), "property 'maxLength' is not supported"),
        (closed(a={"type": "array", "items": {"type": "number", "multipleOf": 2}}), "property 'multipleOf'"),
        (closed(a={"type": "array", "minItems": 2}), "'minItems' values other than 0 or 1"),
        ({**closed(), "$defs": {"x": {"type": "object"}}}, "must be explicitly set to false"),
        (closed(a={"$ref": "https://example.org/schema"}), "External \\$ref is not supported"),
    ],
)
def test_what_the_api_does_not_support_is_refused(schema: Any, says: str) -> None:
    with pytest.raises(WireError, match=says):
        check_schema(schema, "at")


def test_what_it_supports_is_taken() -> None:
    inner = {"type": "array", "items": {"$ref": "#/$defs/x"}, "minItems": 1}
    check_schema({**closed(minimum={"type": "string", "enum": ["a"]}, list=inner), "$defs": {"x": closed()}}, "at")
