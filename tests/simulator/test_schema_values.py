from typing import Any

import pytest

from entrepot.simulator.schema_values import value_for


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({"type": "string"}, "东港"),
        ({"type": "string", "maxLength": 1}, "东"),
        ({"type": ["string", "null"]}, "东港"),
        ({"type": "integer", "minimum": 4}, 4),
        ({"type": "number"}, 1),
        ({"type": "boolean"}, True),
        ({"type": "null"}, None),
        ({"enum": ["a", "b"]}, "a"),
        ({"enum": ["a", "东港"]}, "东港"),
        ({"const": 3}, 3),
        ({"anyOf": [{"type": "boolean"}, {"type": "string"}]}, True),
        ({"type": "array", "items": {"type": "boolean"}}, [True]),
        ({"type": "array", "minItems": 2, "items": {"type": "string"}}, ["东港", "东港"]),
        ({}, None),
    ],
)
def test_a_value_fits_its_schema(schema: dict[str, Any], value: object) -> None:
    assert value_for(schema, "东港") == value


def test_a_number_that_is_the_answer_is_given_as_a_number() -> None:
    assert value_for({"type": "integer"}, "42") == 42


def test_every_property_is_given_and_references_are_followed() -> None:
    schema = {
        "type": "object",
        "properties": {"city": {"$ref": "#/$defs/Name"}, "count": {"type": "integer"}},
        "$defs": {"Name": {"type": "string"}},
    }
    assert value_for(schema, "Lyon") == {"city": "Lyon", "count": 1}


def test_a_schema_that_contains_itself_comes_to_an_end() -> None:
    schema = {"type": "object", "properties": {"next": {"$ref": "#"}}}
    assert str(value_for(schema, "x")).count("next") < 20
