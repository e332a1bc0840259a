from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from entrepot.routing.json_schema import patterns_of, plain, schema_problem, violation

json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.sampled_from([0.5, 1.0]) | st.text("ab甲", max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("ab甲", max_size=2), inner, max_size=3),
    max_leaves=6,
)


@pytest.mark.parametrize(
    ("schema", "kept", "broken"),
    [
        ({"type": "object"}, {}, []),
        ({"type": ["string", "null"]}, None, 1),
        ({"type": "integer"}, 2.0, 2.5),
        ({"type": "number"}, 2.5, True),
        ({"enum": ["甲方", 1]}, 1.0, True),
        ({"const": {"a": [1]}}, {"a": [1.0]}, {"a": [True]}),
        ({"required": ["金额"]}, {"金额": None}, {"amount": 1}),
        ({"properties": {"a": {"type": "string"}}}, {"b": 1}, {"a": 1}),
        ({"properties": {"a": True}, "additionalProperties": False}, {"a": 1}, {"a": 1, "b": 1}),
        ({"additionalProperties": {"type": "string"}}, {"a": "x"}, {"a": 1}),
        ({"patternProperties": {"^金额": {"type": "number"}}}, {"金额一": 1}, {"金额一": "1"}),
        ({"propertyNames": {"maxLength": 2}}, {"ab": 1}, {"abc": 1}),
        ({"minProperties": 1}, {"a": 1}, {}),
        ({"maxProperties": 1}, {"a": 1}, {"a": 1, "b": 1}),
        ({"items": {"type": "integer"}}, [1, 2], [1, "2"]),
        ({"prefixItems": [{"type": "string"}], "items": {"type": "integer"}}, ["a", 1], ["a", "b"]),
        ({"minItems": 2}, [1, 2], [1]),
        ({"maxItems": 1}, [1], [1, 2]),
        ({"uniqueItems": True}, [1, True, "1"], [{"a": 1}, {"a": 1.0}]),
        ({"contains": {"const": 3}}, [1, 3], [1, 2]),
        ({"minLength": 2}, "甲乙", "甲"),
        ({"maxLength": 2}, "甲乙", "甲乙丙"),
        ({"pattern": r"^\d{4}-\d{2}-\d{2}$"}, "2026-11-22", "22 Nov 2026"),
        ({"minimum": 1}, 1, 0.9),
        ({"maximum": 1}, 1, 1.1),
        ({"exclusiveMinimum": 1}, 1.1, 1),
        ({"exclusiveMaximum": 1}, 0.9, 1),
        ({"multipleOf": 0.1}, 0.3, 0.35),
        ({"anyOf": [{"type": "string"}, {"minimum": 3}]}, "a", 2),
        ({"oneOf": [{"type": "integer"}, {"minimum": 3}]}, 1, 4),
        ({"allOf": [{"minimum": 1}, {"maximum": 2}]}, 2, 3),
        ({"not": {"type": "null"}}, 0, None),
        ({"type": "string", "nullable": True}, None, 1),
        ({"$ref": "#/$defs/line", "$defs": {"line": {"required": ["sum"]}}}, {"sum": 1}, {}),
        ({"items": {"$ref": "#"}, "type": "array"}, [[], [[]]], [[1]]),
        (True, 1, ...),
        (False, ..., 1),
    ],
)
def test_a_keyword_demands_what_the_standard_says(schema: Any, kept: Any, broken: Any) -> None:
    assert schema_problem(schema) is None
    assert kept is ... or violation(kept, schema) is None
    assert broken is ... or violation(broken, schema) is not None


def test_a_violation_names_the_place_and_nothing_of_the_answer() -> None:
    schema = {"properties": {"lines": {"items": {"properties": {"sum": {"type": "number"}}}}}}
    assert violation({"lines": [{"sum": 1}, {"sum": "SECRET"}]}, schema) == "$.lines[1].sum is not of type number"
    closed = {"additionalProperties": False}
    assert "SECRET" not in (violation({"SECRET": 1}, closed) or "")


@pytest.mark.parametrize(
    ("schema", "said"),
    [
        ({"properties": {"a": {"unevaluatedProperties": False}}}, "$.properties.a.unevaluatedProperties: this keyword"),
        ({"type": "text"}, "$.type must be one of object"),
        ({"pattern": "("}, "$.pattern: the regular expression cannot be read"),
        ({"minLength": -1}, "$.minLength must be a whole number"),
        ({"minimum": "1"}, "$.minimum must be a number"),
        ({"multipleOf": 0}, "$.multipleOf must be a number"),
        ({"required": "a"}, "$.required must be a list of names"),
        ({"$ref": "https://example.com/schema"}, "$.$ref must point into this schema"),
        ({"$ref": "#/$defs/none"}, "$.$ref must point into this schema"),
        ({"anyOf": []}, "$.anyOf must be a list of schemas"),
        ({"properties": []}, "$.properties must be a table"),
        ({"items": []}, "$.items must be a table"),
        ([], "$ must be a table"),
    ],
)
def test_a_schema_that_cannot_be_checked_is_refused_with_its_place(schema: Any, said: str) -> None:
    assert (schema_problem(schema) or "").startswith(said)


def test_a_schema_that_only_refers_to_itself_ends() -> None:
    assert "nested" in (violation(1, {"$ref": "#"}) or "")


def test_decimals_become_the_numbers_of_json() -> None:
    assert plain({"minimum": Decimal("0.5"), "enum": (Decimal(3), "a")}) == {"minimum": 0.5, "enum": [3, "a"]}


def test_every_pattern_of_a_schema_is_found() -> None:
    schema = {"pattern": "a", "items": {"patternProperties": {"b": {"pattern": "c"}}}, "enum": [{"pattern": "d"}]}
    assert list(patterns_of(schema)) == ["a", "b", "c"]


@given(json_values, json_values)
def test_const_is_equality_of_json(first: Any, second: Any) -> None:
    assert violation(first, {"const": first}) is None
    both = violation(first, {"const": second}) is None, violation(second, {"const": first}) is None
    assert both[0] == both[1]
    assert (violation([first, second], {"uniqueItems": True}) is None) != both[0]


@given(json_values)
def test_any_value_is_judged_without_an_error(value: Any) -> None:
    schema = {"items": {"required": ["a"], "properties": {"a": {"minLength": 1, "minimum": 0}}}, "minProperties": 1}
    violation(value, schema)
