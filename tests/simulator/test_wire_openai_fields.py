from typing import Any

import pytest

from entrepot.simulator.heard import WireError
from entrepot.simulator.wire_openai_fields import check_name, check_strict, decoded_body


def closed(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": [*properties], "additionalProperties": False}


@pytest.mark.parametrize(
    ("schema", "says"),
    [
        ({"type": "object"}, "'additionalProperties' is required to be supplied and to be false"),
        ({**closed(a={}), "required": []}, "Missing 'a'"),
        (closed(a={"anyOf": [{"type": "object"}]}), "'additionalProperties'"),
        (closed(a={"type": "array", "items": {"type": "object"}}), "'additionalProperties'"),
        ({**closed(), "$defs": {"x": {"type": "object"}}}, "'additionalProperties'"),
    ],
)
def test_a_strict_schema_is_closed_and_requires_everything(schema: Any, says: str) -> None:
    check_strict(closed(a={"type": "string"}, b=closed(c={})), "p")
    with pytest.raises(WireError) as caught:
        check_strict(schema, "p")
    assert says in caught.value.message
    assert (caught.value.code, caught.value.param) == ("invalid_json_schema", "p")


@pytest.mark.parametrize("name", ["", "a b", "天气", "x" * 65])
def test_a_functions_name_has_a_pattern(name: str) -> None:
    check_name("get_weather-2", "p")
    with pytest.raises(WireError, match="does not match pattern"):
        check_name(name, "p")


@pytest.mark.parametrize("body", [b"{", b"[]", b"{}", b'{"model": ""}'])
def test_a_body_is_an_object_with_a_model(body: bytes) -> None:
    assert decoded_body(b'{"model": "m"}') == {"model": "m"}
    with pytest.raises(WireError):
        decoded_body(body)
