from typing import Any

import pytest

from entrepot.simulator.heard import WireError
from entrepot.simulator.wire_gemini_fields import fields, plain_schema, whole_number


@pytest.mark.parametrize(
    ("schema", "says"),
    [
        ({"type": "OBJECT", "additionalProperties": False}, 'Unknown name "additionalProperties"'),
        ({"$ref": "#/$defs/x"}, 'Unknown name "$ref"'),
        ({"type": "STRING", "const": "a"}, 'Unknown name "const"'),
        ({"type": ["STRING", "NULL"]}, "Type"),
        ({"type": "INTEGER", "enum": [1]}, "only allowed for STRING type"),
        ({"type": "OBJECT", "properties": {}}, "should be non-empty for OBJECT type"),
        ({"type": "ARRAY"}, "items: missing field"),
        ({"type": "OBJECT", "properties": {"a": {}}, "required": ["b"]}, "property is not defined: b"),
        ({"type": "ARRAY", "items": {"anyOf": [{"$schema": "x"}]}}, 'Unknown name "$schema"'),
    ],
)
def test_the_apis_own_schema_is_a_subset(schema: Any, says: str) -> None:
    with pytest.raises(WireError) as caught:
        plain_schema(schema, "at")
    assert says in caught.value.message


def test_its_types_become_json_schemas() -> None:
    inner = {"type": "ARRAY", "items": {"type": "STRING", "nullable": True}}
    assert plain_schema({"type": "OBJECT", "properties": {"a": inner}, "required": ["a"]}, "at") == {
        "type": "object",
        "properties": {"a": {"type": "array", "items": {"type": "string", "nullable": True}}},
        "required": ["a"],
    }


def test_null_is_as_good_as_absent_and_what_is_no_message_is_refused() -> None:
    assert fields({"mime_type": "x", "data": None}, "mimeType data", "at") == {"mimeType": "x"}
    with pytest.raises(WireError):
        fields("text", "text", "at")


@pytest.mark.parametrize("wrong", ["x", 1.5, True, None])
def test_a_whole_number_is_one_or_text_of_one(wrong: object) -> None:
    assert (whole_number(3, "at"), whole_number("-3", "at")) == (3, -3)
    with pytest.raises(WireError, match="TYPE_INT32"):
        whole_number(wrong, "at")
