from __future__ import annotations

import base64
from typing import Any

import pytest

from entrepot.canonical.fold import fold
from entrepot.canonical.request import Media, Part, Reasoning, Text, ToolCall, Unknown
from entrepot.canonical.stream import StreamEvent
from entrepot.dialects.bedrock_converse.content import Blocks, part_of_block
from entrepot.dialects.names import Names

NAMES = Names(["查天气"], 64)
MAPPED = NAMES.there("查天气")
OWN = "bedrock-converse"
CITED: dict[str, Any] = {
    "title": "报告",
    "sourceContent": [{"text": "source "}, {"text": "words"}],
    "location": {"web": {"url": "https://example.com", "domain": "example.com"}},
}
SHARED = {"url": "https://example.com", "title": "报告", "cited_text": "source words", "raw": CITED}
SERVER_USE = {"toolUse": {"toolUseId": "s1", "name": "nova_grounding", "input": {}, "type": "server_tool_use"}}


@pytest.mark.parametrize(
    ("block", "claude", "part"),
    [
        ({"text": "你好"}, False, Text("你好")),
        ({"text": ""}, False, None),
        ({"toolUse": {"toolUseId": "t", "name": MAPPED, "input": {"a": 1}}}, False, ToolCall("t", "查天气", '{"a":1}')),
        ({"toolUse": {"toolUseId": "t", "name": "own", "type": "tool_use"}}, True, ToolCall("t", "own", "{}")),
        (
            {"reasoningContent": {"reasoningText": {"text": "想", "signature": "s"}}},
            True,
            Reasoning("想", "s", bound_to="anthropic-messages"),
        ),
        ({"reasoningContent": {"reasoningText": {"text": "想"}}}, False, Reasoning("想", None, bound_to=OWN)),
        (
            {"reasoningContent": {"redactedContent": "b3BhcXVl"}},
            True,
            Reasoning("", "opaque", True, "anthropic-messages"),
        ),
        ({"reasoningContent": {"redactedContent": "b3BhcXVl"}}, False, Reasoning("", "b3BhcXVl", True, OWN)),
        (
            {"citationsContent": {"content": [{"text": "a"}, {"text": "b"}], "citations": [CITED]}},
            False,
            Text("ab", {"citations": [SHARED]}),
        ),
        ({"image": {"format": "png", "source": {"bytes": "QUJD"}}}, False, Media("image", "image/png", data="QUJD")),
        (SERVER_USE, False, Unknown(OWN, SERVER_USE)),
        ({"toolResult": {"toolUseId": "s1"}}, False, Unknown(OWN, {"toolResult": {"toolUseId": "s1"}})),
        ({"later": {}}, False, Unknown(OWN, {"later": {}})),
    ],
)
def test_a_block_of_a_whole_answer_is_the_part_it_means(block: dict[str, Any], claude: bool, part: Part | None) -> None:
    assert part_of_block(block, NAMES, claude=claude) == part


def grown(*steps: tuple[str, int, dict[str, Any]], claude: bool = False) -> tuple[Part, ...]:
    blocks = Blocks(NAMES, claude=claude)
    events: list[StreamEvent] = []
    for step, index, given in steps:
        match step:
            case "start":
                events.extend(blocks.start(index, given))
            case "delta":
                events.extend(blocks.delta(index, given))
            case _:
                events.extend(blocks.stop(index))
    events.extend(blocks.stop_all())
    choices = fold(events).choices
    return choices[0].parts if choices else ()


def text(index: int, piece: str) -> tuple[str, int, dict[str, Any]]:
    return ("delta", index, {"text": piece})


def test_blocks_are_told_apart_by_their_index_and_empty_ones_say_nothing() -> None:
    assert grown(text(0, ""), text(1, "a"), text(1, "b"), text(2, "c")) == (Text("ab"), Text("c"))


def test_parallel_calls_join_their_own_input() -> None:
    # Quirks 9 and 29: index 0 is a value, and a call without input has the arguments {}.
    parts = grown(
        ("start", 0, {"toolUse": {"toolUseId": "a", "name": MAPPED}}),
        ("start", 1, {"toolUse": {"toolUseId": "b", "name": "other"}}),
        ("delta", 1, {"toolUse": {"input": '{"x":'}}),
        ("delta", 0, {"toolUse": {"input": ""}}),
        ("delta", 1, {"toolUse": {"input": "1}"}}),
        ("delta", 7, {"toolUse": {"input": "of no call"}}),
    )
    assert parts == (ToolCall("a", "查天气", "{}"), ToolCall("b", "other", '{"x":1}'))


def test_reasoning_is_sealed_by_its_signature_and_redacted_reasoning_is_opaque() -> None:
    parts = grown(
        ("delta", 0, {"reasoningContent": {"text": "想"}}),
        ("delta", 0, {"reasoningContent": {"text": "想"}}),
        ("delta", 0, {"reasoningContent": {"signature": "s"}}),
        ("delta", 1, {"reasoningContent": {"redactedContent": "b3BhcXVl"}}),
        ("delta", 1, {"reasoningContent": {}}),
        claude=True,
    )
    assert parts == (
        Reasoning("想想", "s", bound_to="anthropic-messages"),
        Reasoning("", "opaque", True, "anthropic-messages"),
    )


def test_citations_belong_to_the_text_of_their_block() -> None:
    assert grown(text(0, "a"), ("delta", 0, {"citation": CITED})) == (Text("a", {"citations": [SHARED]}),)


def test_an_image_that_comes_in_pieces_is_given_whole() -> None:
    halves = [base64.b64encode(each).decode() for each in (b"first", b"second")]
    parts = grown(
        ("start", 0, {"image": {"format": "png"}}),
        *(("delta", 0, {"image": {"source": {"bytes": half}}}) for half in halves),
        ("stop", 0, {}),
        text(1, "之后"),
    )
    joined = base64.b64encode(b"firstsecond").decode()
    assert parts == (Media("image", "image/png", data=joined), Text("之后"))


def test_what_the_provider_did_itself_is_kept_whole() -> None:
    parts = grown(
        ("start", 0, {"toolUse": {"toolUseId": "s1", "name": "nova_grounding", "type": "server_tool_use"}}),
        ("delta", 0, {"toolUse": {"input": '{"q":'}}),
        ("delta", 0, {"toolUse": {"input": "1}"}}),
        ("stop", 0, {}),
        ("start", 1, {"toolResult": {"toolUseId": "s1", "status": "success"}}),
        ("delta", 1, {"toolResult": [{"json": {"a": 1}}]}),
    )
    use = {"toolUseId": "s1", "name": "nova_grounding", "type": "server_tool_use", "input": '{"q":1}'}
    result = {"toolUseId": "s1", "status": "success", "content": [{"json": {"a": 1}}]}
    assert parts == (Unknown(OWN, {"toolUse": use}), Unknown(OWN, {"toolResult": result}))


def test_deltas_and_ends_of_no_block_are_passed_over() -> None:
    assert grown(("delta", 3, {"image": {"source": {"bytes": "QUJD"}}}), ("stop", 3, {}), ("start", 4, {})) == ()
