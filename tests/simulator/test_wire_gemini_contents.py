from typing import Any

import pytest

from entrepot.simulator.heard import WireError
from entrepot.simulator.signatures import seal
from entrepot.simulator.wire_gemini_contents import WIRE, Contents, sign_call
from tests.simulator.sdk_world import PIXEL

ARGS = {"城": "京", "a": 1}
SIGNED = sign_call("f", ARGS, "hm")


def turn(role: str, *parts: Any) -> dict[str, Any]:
    return {"role": role, "parts": list(parts)}


def user(*parts: Any) -> dict[str, Any]:
    return turn("user", *parts)


def model(*parts: Any) -> dict[str, Any]:
    return turn("model", *parts)


def call(name: str = "f", signature: str | None = SIGNED, **more: Any) -> dict[str, Any]:
    part: dict[str, Any] = {"functionCall": {"name": name, "args": ARGS, **more}}
    return part if signature is None else {**part, "thoughtSignature": signature}


def response(name: str = "f", said: Any = None, **more: Any) -> dict[str, Any]:
    return {"functionResponse": {"name": name, "response": {"output": "r"} if said is None else said, **more}}


def read(*turns: Any, signs: bool = True) -> Contents:
    contents = Contents(signs=signs)
    contents.read_contents(list(turns))
    return contents


HI = user({"text": "hi"})
OK = model({"text": "ok"})


@pytest.mark.parametrize(
    ("turns", "says"),
    [
        ([], "contents is not specified"),
        ([turn("assistant", {"text": "a"}), HI], "valid role: user, model"),
        ([{**HI, "name": "x"}], 'Unknown name "name"'),
        ([user()], "contents.parts must not be empty"),
        ([user({})], "must have one initialized field"),
        ([user({"text": "a", "functionCall": {"name": "f"}})], "must have one initialized field"),
        ([user({"text": ""})], "empty text parameter"),
        ([user({"text": 1})], "TYPE_STRING"),
        ([user({"type": "text", "text": "a"})], 'Unknown name "type"'),
        ([HI, OK], "end with a user role"),
        ([user(call())], "part of a model's turn"),
        ([HI, model(call()), HI], "number of function response parts is equal"),
        ([HI, model(call(), call(signature=None)), user(response())], "number of function response parts is equal"),
        ([HI, model(call()), OK, HI], "number of function response parts is equal"),
        ([HI, OK, user(response())], "comes immediately after a function call turn"),
        ([HI, model(call()), user(response("g"))], "names of function responses"),
        ([HI, model(call(id="1")), user(response(id="2"))], "matches no function call"),
        ([HI, model(call()), user(response(""))], "Name cannot be empty"),
        ([HI, model(call()), user(response(said="r"))], "google.protobuf.Struct"),
        ([HI, OK, model(call()), user(response())], "comes immediately after a user turn"),
        ([HI, model(call(args="{}")), user(response())], "google.protobuf.Struct"),
        ([HI, model(call(signature=None)), user(response())], "missing a thought_signature"),
        ([HI, model(call(signature="c2ln")), user(response())], "Corrupted thought signature"),
        ([HI, model(call("g")), user(response("g"))], "Corrupted thought signature"),
        ([HI, model({"text": "a", "thoughtSignature": SIGNED}), HI], "Corrupted thought signature"),
        ([user({"inlineData": {"mimeType": "image/jpeg", "data": PIXEL}})], "Unable to process input image"),
        ([user({"inlineData": {"data": PIXEL}})], "mime type is not specified"),
        ([user({"inlineData": {"mimeType": "image/png", "data": "*"}})], "Base64 decoding failed"),
    ],
)
def test_what_the_api_refuses_is_refused(turns: list[Any], says: str) -> None:
    with pytest.raises(WireError) as caught:
        read(*turns)
    assert says in caught.value.message


def test_a_conversation_is_read() -> None:
    picture = {"inlineData": {"mimeType": "image/png", "data": PIXEL}}
    shown = {"inline_data": {"mime_type": "image/png", "data": PIXEL}}
    contents = read(
        user(picture, {"text": "看"}),
        model({"text": "hm", "thought": True}, call(id="1"), call(signature=None, id="2")),
        user(response(id="2", parts=[shown]), response(id="1", said={"晴": 25}), {"text": "and?"}),
        model({"text": "", "thoughtSignature": seal(WIRE, '"again"')}, {"text": "so"}),
        user({"fileData": {"mimeType": "image/png", "fileUri": "https://x/y"}}, {"text": "?"}),
    )
    assert contents.prompt == "[at https://x/y]\n?"
    assert contents.replayed == ["hm", "again"]
    assert "[image/png " in contents.read
    assert '{"晴":25}' in contents.read


def test_only_the_turn_that_is_under_way_must_be_signed() -> None:
    earlier = [HI, model(call(signature=None)), user(response())]
    assert read(*earlier, OK, HI, model(call()), user(response())).replayed == ["hm"]
    assert read(*earlier, signs=False).results == ("r",)


def test_googles_stand_in_for_a_signature_is_taken() -> None:
    assert read(HI, model(call(signature="skip_thought_signature_validator")), user(response())).replayed == []


def test_the_instruction_is_text() -> None:
    contents = Contents(signs=True)
    contents.read_system({"parts": [{"text": "一"}, {"text": "二"}]})
    assert contents.system == "一\n二"
    with pytest.raises(WireError, match="only supports text"):
        contents.read_system({"parts": [{"inlineData": {"mimeType": "image/png", "data": PIXEL}}]})
