from typing import Any

from entrepot.dialects.closed_schema import close_schema


def test_every_object_is_closed_but_one_that_is_open_on_purpose() -> None:
    open_inside = {"type": "object", "additionalProperties": {"type": "string"}}
    schema = {"type": "object", "properties": {"a": {"type": ["object", "null"]}, "b": open_inside}}
    closed = close_schema(schema)
    assert closed["additionalProperties"] is False
    assert closed["properties"]["a"]["additionalProperties"] is False
    assert closed["properties"]["b"] == open_inside
    assert "additionalProperties" not in schema


def test_bounds_that_are_refused_become_words_of_the_description() -> None:
    def closed(**schema: Any) -> Any:
        return close_schema(schema)

    assert closed(type="integer", minimum=1, description="数") == {
        "type": "integer",
        "description": '数\n{"minimum":1}',
    }
    assert closed(type=["string", "null"], maxLength=9)["description"] == '{"maxLength":9}'
    assert closed(type="array", items={"type": "number", "multipleOf": 2}, minItems=1) == {
        "type": "array",
        "items": {"type": "number", "description": '{"multipleOf":2}'},
        "minItems": 1,
    }
    assert "minItems" not in closed(type="array", minItems=2)


def test_a_property_may_be_called_like_a_bound() -> None:
    schema = {"type": "object", "properties": {"minimum": {"type": "integer"}, "type": {"type": "string"}}}
    assert close_schema(schema)["properties"] == schema["properties"]
