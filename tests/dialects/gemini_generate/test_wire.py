from __future__ import annotations

import pytest

from entrepot.dialects.gemini_generate.wire import WireBlob, camel_case, listed, normalize, rest


@pytest.mark.parametrize(
    ("name", "camel"),
    [
        ("function_declarations", "functionDeclarations"),
        ("already", "already"),
        ("mimeType", "mimeType"),
        ("_x", "_x"),
        ("", ""),
    ],
)
def test_names_become_camel_case(name: str, camel: str) -> None:
    assert camel_case(name) == camel


def test_what_belongs_to_users_and_functions_keeps_its_names() -> None:
    given = {
        "function_call": {"args": {"my_arg": {"in_ner": 1}}},
        "function_response": {"response": {"my_key": 1}},
        "parameters_json_schema": {"properties": {"a_b": {}}},
        "labels": {"cost_center": "x"},
    }
    assert normalize(given) == {
        "functionCall": {"args": {"my_arg": {"in_ner": 1}}},
        "functionResponse": {"response": {"my_key": 1}},
        "parametersJsonSchema": {"properties": {"a_b": {}}},
        "labels": {"cost_center": "x"},
    }


def test_one_object_stands_for_a_list_and_nothing_for_an_empty_one() -> None:
    assert listed({"a": 1}) == [{"a": 1}]
    assert listed([1]) == [1]
    assert listed(None) == []


def test_what_a_shape_does_not_name_is_kept() -> None:
    assert rest({"mimeType": "t", "data": "d", "new": 1, "nothing": None}, WireBlob) == {"new": 1}
