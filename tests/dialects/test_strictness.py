from __future__ import annotations

from typing import Any

import pytest

from entrepot.dialects.strictness import strict_as_asked

CLOSED: dict[str, Any] = {"type": "object", "properties": {}, "additionalProperties": False}
NAMED: dict[str, Any] = {**CLOSED, "properties": {"名": {"type": "string"}}, "required": ["名"]}


@pytest.mark.parametrize(
    "schema",
    [
        CLOSED,
        NAMED,
        {**NAMED, "properties": {"名": {"anyOf": [NAMED, {"type": "null"}]}}},
        {**NAMED, "properties": {"名": {"$ref": "#/$defs/a"}}, "$defs": {"a": {"type": ["object", "null"], **CLOSED}}},
        {**NAMED, "properties": {"名": {"type": "array", "items": CLOSED}}},
    ],
)
def test_a_schema_that_can_be_held_to_stays_strict(schema: dict[str, Any]) -> None:
    assert strict_as_asked(True, schema) is True


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "object"},
        {**NAMED, "required": []},
        {**NAMED, "additionalProperties": True},
        {**NAMED, "properties": {"名": {"anyOf": [{"type": "object"}, {"type": "null"}]}}},
        {**NAMED, "properties": {"名": {"type": "array", "items": {"type": ["object", "null"]}}}},
        {**NAMED, "$defs": {"a": {"properties": {"b": {}}}}},
    ],
)
def test_a_schema_that_openai_would_refuse_is_not_strict(schema: dict[str, Any]) -> None:
    assert strict_as_asked(True, schema) is False


def test_what_was_not_asked_to_be_strict_stays_as_it_was() -> None:
    assert strict_as_asked(None, {}) is None
    assert strict_as_asked(False, NAMED) is False
