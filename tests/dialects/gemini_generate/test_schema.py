from __future__ import annotations

from typing import Any

import pytest
from google.genai import types

from entrepot.dialects.gemini_generate.schema import to_api_schema, to_json_schema


@pytest.mark.parametrize(
    ("schema", "narrow"),
    [
        ({"type": "string", "minLength": 1}, {"type": "STRING", "minLength": 1}),
        ({"type": ["integer", "null"]}, {"type": "INTEGER", "nullable": True}),
        ({"type": ["string", "integer"]}, {"anyOf": [{"type": "STRING"}, {"type": "INTEGER"}]}),
        (
            {"anyOf": [{"type": "string", "description": "街"}, {"type": "null"}]},
            {"type": "STRING", "description": "街", "nullable": True},
        ),
        (
            {"anyOf": [{"type": "string"}, {"type": "integer"}, {"type": "null"}]},
            {"anyOf": [{"type": "STRING"}, {"type": "INTEGER"}], "nullable": True},
        ),
        ({"oneOf": [{"type": "string"}, {"type": "boolean"}]}, {"anyOf": [{"type": "STRING"}, {"type": "BOOLEAN"}]}),
        ({"const": "甲"}, {"type": "STRING", "enum": ["甲"], "format": "enum"}),
        ({"enum": ["a", None]}, {"type": "STRING", "enum": ["a"], "format": "enum", "nullable": True}),
        ({"type": "integer", "enum": [1, 2]}, {"type": "INTEGER"}),
        (
            {"type": "array", "prefixItems": [{"type": "number"}, {"type": "number"}], "minItems": 2},
            {"type": "ARRAY", "items": {"type": "NUMBER"}, "minItems": 2},
        ),
        (
            {"$schema": "s", "type": "object", "properties": {"a": {"type": "string"}}, "additionalProperties": False},
            {"type": "OBJECT", "properties": {"a": {"type": "STRING"}}},
        ),
        (
            {"allOf": [{"properties": {"a": {"type": "string"}}, "required": ["a"]}, {"required": ["b"]}]},
            {"type": "OBJECT", "properties": {"a": {"type": "STRING"}}, "required": ["a", "b"]},
        ),
        ({"type": "object", "additionalProperties": {"type": "string"}}, {"type": "OBJECT"}),
    ],
)
def test_json_schema_is_narrowed_to_what_the_api_says(schema: dict[str, Any], narrow: dict[str, Any]) -> None:
    assert to_api_schema(schema) == narrow
    assert types.Schema.model_validate(to_api_schema(schema))


def test_references_are_put_in_place_with_what_stands_beside_them() -> None:
    schema = {
        "type": "object",
        "properties": {"home": {"$ref": "#/$defs/Address", "description": "家"}, "work": {"$ref": "#/definitions/W"}},
        "$defs": {"Address": {"type": "object", "properties": {"城": {"type": "string"}}}},
        "definitions": {"W": {"$ref": "#/$defs/Address"}},
    }
    address = {"type": "OBJECT", "properties": {"城": {"type": "STRING"}}}
    assert to_api_schema(schema)["properties"] == {"home": {**address, "description": "家"}, "work": address}


def test_a_schema_that_refers_to_itself_ends_in_a_plain_object() -> None:
    node = {"type": "object", "properties": {"next": {"$ref": "#/$defs/Node"}, "label": {"type": "string"}}}
    narrow = to_api_schema({"$ref": "#/$defs/Node", "$defs": {"Node": node}})
    assert narrow["properties"] == {"next": {"type": "OBJECT"}, "label": {"type": "STRING"}}


def test_references_that_double_at_every_step_do_not_grow_without_end() -> None:
    definitions = {
        f"D{i}": {
            "type": "object",
            "properties": {"a": {"$ref": f"#/$defs/D{i + 1}"}, "b": {"$ref": f"#/$defs/D{i + 1}"}},
        }
        for i in range(60)
    }
    narrow = to_api_schema({"$ref": "#/$defs/D0", "$defs": definitions})
    assert str(narrow).count("OBJECT") < 100_000


@pytest.mark.parametrize("reference", ["#/$defs/Nowhere", "https://elsewhere/schema.json", "#/a~1b"])
def test_a_reference_to_nowhere_says_nothing(reference: str) -> None:
    assert to_api_schema({"type": "object", "properties": {"a": {"$ref": reference}}})["properties"] == {"a": {}}


@pytest.mark.parametrize(
    ("schema", "plain"),
    [
        ({"type": "STRING", "nullable": True}, {"type": ["string", "null"]}),
        ({"type": "STRING", "format": "enum", "enum": ["a"]}, {"type": "string", "enum": ["a"]}),
        (
            {"type": "STRING", "enum": ["a"], "nullable": True},
            {"type": ["string", "null"], "enum": ["a", None]},
        ),
        (
            {"type": "ARRAY", "min_items": "2", "items": {"type": "NUMBER"}},
            {"type": "array", "minItems": 2, "items": {"type": "number"}},
        ),
        ({"any_of": [{"type": "STRING"}], "nullable": True}, {"anyOf": [{"type": "string"}, {"type": "null"}]}),
        (
            {"type": "OBJECT", "properties": {"a_b": {"type": "INTEGER"}}, "required": ["a_b"]},
            {"type": "object", "properties": {"a_b": {"type": "integer"}}, "required": ["a_b"]},
        ),
    ],
)
def test_the_apis_own_schema_is_widened_to_json_schema(schema: dict[str, Any], plain: dict[str, Any]) -> None:
    assert to_json_schema(schema) == plain


def test_what_both_kinds_can_say_survives_there_and_back() -> None:
    schema = {
        "type": "object",
        "description": "人",
        "properties": {
            "age": {"type": ["integer", "null"], "minimum": 0},
            "tags": {"type": "array", "items": {"type": "string"}},
        },
        "required": ["age"],
    }
    assert to_json_schema(to_api_schema(schema)) == schema
