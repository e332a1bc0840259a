from typing import Any

import pytest

from entrepot.simulator.heard import CacheMark, WireError
from entrepot.simulator.signatures import seal, sign
from entrepot.simulator.wire_anthropic_turns import WIRE, Turns
from tests.simulator.sdk_world import PIXEL

MARK = {"cache_control": {"type": "ephemeral"}}
HOUR = {"cache_control": {"type": "ephemeral", "ttl": "1h"}}


def user(*content: Any) -> dict[str, Any]:
    return {"role": "user", "content": list(content)}


def assistant(*content: Any) -> dict[str, Any]:
    return {"role": "assistant", "content": list(content)}


def text(said: str, **more: Any) -> dict[str, Any]:
    return {"type": "text", "text": said, **more}


def use(id: str = "t", **more: Any) -> dict[str, Any]:
    return {"type": "tool_use", "id": id, "name": "f", "input": {}, **more}


def result(id: str = "t", content: Any = "r", **more: Any) -> dict[str, Any]:
    return {"type": "tool_result", "tool_use_id": id, "content": content, **more}


def image(media_type: str = "image/png", data: str = PIXEL, **source: Any) -> dict[str, Any]:
    return {"type": "image", "source": {"type": "base64", "media_type": media_type, "data": data, **source}}


def thinking(shown: str, signature: str) -> dict[str, Any]:
    return {"type": "thinking", "thinking": shown, "signature": signature}


def read(*messages: Any) -> Turns:
    turns = Turns()
    turns.read_messages(list(messages))
    return turns


HI = user(text("hi"))
SIGNED = thinking("hm", sign(WIRE, "hm", "hm hm"))


@pytest.mark.parametrize(
    ("messages", "says"),
    [
        ([assistant(text("a"))], "roles must alternate"),
        ([HI, HI], "roles must alternate"),
        ([{"role": "system", "content": "s"}], "top-level `system`"),
        ([{**HI, "name": "x"}], "Extra inputs are not permitted"),
        ([user()], "non-empty content"),
        ([{"role": "user", "content": None}], "Field required"),
        ([user(text(""))], "must be non-empty"),
        ([user(text(" \n"))], "must contain non-whitespace"),
        ([{"role": "user", "content": ""}], "must be non-empty"),
        ([user({"type": "text"})], "text.text: Field required"),
        ([user(text("a", foo=1))], "foo: Extra inputs are not permitted"),
        ([user(use())], "does not match any of the expected tags"),
        ([HI, assistant(text("so "))], "cannot end with trailing whitespace"),
        ([HI, assistant(use("a b"))], "String should match pattern"),
        ([HI, assistant(use(input="{}"))], "valid dictionary"),
        ([HI, assistant(use())], "without `tool_result` blocks immediately after: t"),
        ([HI, assistant(use()), user(text("x"))], "without `tool_result` blocks"),
        ([HI, assistant(use(), use())], "must be unique"),
        ([HI, assistant(use()), user(result()), assistant(use()), user(result())], "must be unique"),
        ([user(result())], "unexpected `tool_use_id`"),
        ([HI, assistant(use()), user(result("u"))], "unexpected `tool_use_id`"),
        ([HI, assistant(use()), user(result(), result())], "must have a single result"),
        ([HI, assistant(use()), user(text("x"), result())], "must come before other content"),
        ([HI, assistant(use()), user(result(is_error=1))], "valid boolean"),
        ([HI, assistant(use()), user(result(content=[text("")]))], "must be non-empty"),
        ([user(image("image/bmp"))], "media_type: Input should be one of"),
        ([user(image(data="*"))], "invalid base64 data"),
        ([user(image("image/jpeg"))], "was specified using the image/jpeg media type"),
        ([user({"type": "image"})], "image.source: Field required"),
        ([HI, assistant(thinking("hm", "c2ln"), text("a")), HI], "Invalid `signature` in `thinking` block"),
        ([HI, assistant({**SIGNED, "thinking": "hm!"}, text("a")), HI], "Invalid `signature` in `thinking` block"),
        ([HI, assistant({"type": "thinking", "thinking": "hm"}, text("a")), HI], "thinking.signature: Field required"),
        ([HI, assistant({**SIGNED, **MARK}, text("a")), HI], "cache_control: Extra inputs are not permitted"),
        ([HI, assistant({"type": "redacted_thinking", "data": "x"}, text("a")), HI], "Invalid `data`"),
    ],
)
def test_what_the_api_refuses_is_refused(messages: list[Any], says: str) -> None:
    with pytest.raises(WireError) as caught:
        read(*messages)
    assert says in caught.value.message
    assert caught.value.status == 400


def test_a_conversation_is_read() -> None:
    redacted = {"type": "redacted_thinking", "data": seal(WIRE, "secret")}
    turns = read(
        user(image(), text("看")),
        assistant(SIGNED, redacted, text("let me see "), use(), use("u", name="g")),
        user(result(content=[text("晴"), image()]), result("u", content=""), text("and?")),
    )
    assert turns.prompt == "and?"
    assert turns.results[0].startswith("晴\n[image/png ")
    assert turns.results[1] == ""
    assert turns.replayed == ["hm hm", "secret"]
    assert "f {}" in turns.read


def test_addresses_and_documents_are_read() -> None:
    turns = read(
        user(
            {"type": "image", "source": {"type": "url", "url": "https://x/y.png"}},
            {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "账单"}},
        )
    )
    assert turns.prompt == "[at https://x/y.png]\n账单"


def test_marks_are_where_they_were_set() -> None:
    turns = Turns()
    turns.read_system([text("a" * 10, **HOUR), text("b" * 5)])
    turns.read_messages([user(text("c", **MARK))])
    assert turns.marks() == (CacheMark(10, "1h"), CacheMark(18, "5m"))
    assert turns.read == f"{'a' * 10}\n{'b' * 5}\nc"
    assert turns.system == f"{'a' * 10}\n{'b' * 5}"


@pytest.mark.parametrize(
    ("marks", "says"),
    [
        ([MARK] * 5, "A maximum of 4 blocks"),
        ([MARK, HOUR], "must not come after a ttl='5m'"),
        ([{"cache_control": {"type": "ephemeral", "ttl": "2h"}}], "Input should be '5m' or '1h'"),
        ([{"cache_control": {"type": "lasting"}}], "of type 'ephemeral'"),
    ],
)
def test_marks_that_the_api_refuses_are_refused(marks: list[dict[str, Any]], says: str) -> None:
    with pytest.raises(WireError, match=says):
        read(user(*(text("x", **mark) for mark in marks))).marks()


def test_instructions_are_text() -> None:
    turns = Turns()
    turns.read_system("简短")
    assert turns.system == "简短"
    with pytest.raises(WireError, match=r"system\.0\.type"):
        turns.read_system([image()])
