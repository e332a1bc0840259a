from __future__ import annotations

import itertools
from typing import Any

from entrepot.canonical.fold import fold
from entrepot.canonical.request import Media, Part, Reasoning, Refusal, Text, ToolCall, Unknown
from entrepot.canonical.stream import StreamEvent
from entrepot.dialects.openai_responses.answer_items import Item, Items

SEALED: Item = {
    "type": "reasoning",
    "id": "rs_1",
    "summary": [{"type": "summary_text", "text": "一"}, {"type": "summary_text", "text": "二"}],
    "encrypted_content": "gAAA",
}
CALL: Item = {
    "type": "function_call",
    "id": "fc_1",
    "call_id": "c1",
    "name": "f",
    "arguments": '{"q": "天气"}',
    "status": "completed",
}


def message(*content: Item) -> Item:
    return {"type": "message", "id": "msg_1", "role": "assistant", "status": "completed", "content": list(content)}


def text(words: str, **more: Any) -> Item:
    return {"type": "output_text", "text": words, **more}


def parts(events: list[StreamEvent]) -> tuple[Part, ...]:
    return fold(events).choices[0].parts


def finished(*items: Item) -> tuple[Part, ...]:
    made = Items()
    return parts([event for index, item in enumerate(items) for event in made.finish(index, item)])


def plain(found: tuple[Part, ...]) -> list[tuple[str, str]]:
    return [(type(part).__name__, getattr(part, "text", "")) for part in found]


def test_items_become_parts_in_their_order() -> None:
    found = finished(SEALED, message(text("你好"), {"type": "refusal", "refusal": "不行"}), CALL)
    assert plain(found) == [("Reasoning", "一\n\n二"), ("Text", "你好"), ("Refusal", "不行"), ("ToolCall", "")]
    reasoning, call = found[0], found[3]
    assert isinstance(reasoning, Reasoning)
    assert (reasoning.signature, reasoning.bound_to, reasoning.redacted) == ("gAAA", "openai-responses", False)
    assert isinstance(call, ToolCall)
    assert (call.id, call.name, call.arguments) == ("c1", "f", '{"q": "天气"}')


def test_pieces_add_up_to_what_the_end_says() -> None:
    made = Items()
    events = [
        *made.add(0, {"type": "reasoning", "id": "rs_1", "summary": []}),
        *made.text(0, ("summary", 0), "一"),
        *made.text(0, ("summary", 1), "二"),
        *made.finish(0, SEALED),
        *made.add(1, {"type": "message", "id": "msg_1", "content": []}),
        *made.text(1, ("output_text", 0), "你"),
        *made.text(1, ("output_text", 0), "好"),
        *made.finish(1, message(text("你好"))),
        *made.add(2, {**CALL, "arguments": "", "status": "in_progress"}),
        *made.arguments(2, '{"q": '),
        *made.arguments(2, '"天气"}'),
        *made.finish(2, CALL),
    ]
    assert plain(parts(events)) == plain(finished(SEALED, message(text("你好")), CALL))
    assert parts(events)[2] == finished(CALL)[0]


def test_what_the_pieces_left_out_is_said_at_the_end() -> None:
    made = Items()
    events = [
        *made.text(0, ("output_text", 0), "你"),
        *made.finish(0, message(text("你好"), text("再见"))),
        *made.add(1, {**CALL, "arguments": ""}),
        *made.arguments(1, '{"q"'),
        *made.finish(1, CALL),
    ]
    found = parts(events)
    assert plain(found)[:2] == [("Text", "你好"), ("Text", "再见")]
    assert isinstance(found[2], ToolCall)
    assert found[2].arguments == CALL["arguments"]


def test_calls_whose_pieces_interleave_are_told_apart() -> None:
    made = Items()
    other = {**CALL, "call_id": "c2", "arguments": "{}"}
    events = [
        *made.add(0, {**CALL, "arguments": ""}),
        *made.add(1, {**other, "arguments": ""}),
        *made.arguments(0, '{"q": '),
        *made.arguments(1, "{}"),
        *made.arguments(0, '"天气"}'),
        *made.finish(1, other),
        *made.finish(0, CALL),
    ]
    found = [part for part in parts(events) if isinstance(part, ToolCall)]
    assert [(call.id, call.arguments) for call in found] == [("c1", CALL["arguments"]), ("c2", "{}")]


def test_reasoning_without_a_word_is_opaque_and_without_anything_is_nothing() -> None:
    assert finished({"type": "reasoning", "id": "rs", "summary": [], "encrypted_content": "gAAA"}) == (
        Reasoning("", "gAAA", True, "openai-responses", {"item": {"id": "rs"}}),
    )
    assert Items().finish(0, {"type": "reasoning", "id": "rs", "summary": []}) == []


def test_a_custom_tools_call_waits_for_its_end_to_become_json() -> None:
    call = {"type": "custom_tool_call", "id": "ctc", "call_id": "c", "name": "patch", "input": '"三"'}
    (part,) = finished(call)
    assert isinstance(part, ToolCall)
    assert part.arguments == '{"input": "\\"三\\""}'


def test_citations_are_shared_and_keep_their_annotation() -> None:
    cited = {"type": "url_citation", "url": "https://a.example", "title": "甲", "start_index": 0, "end_index": 2}
    (part,) = finished(message(text("你好", annotations=[cited])))
    assert isinstance(part, Text)
    assert part.extra["citations"] == [{"url": "https://a.example", "title": "甲", "start": 0, "end": 2, "raw": cited}]


def test_an_image_that_was_made_is_one_and_other_kinds_are_kept_whole() -> None:
    image = {"type": "image_generation_call", "id": "ig", "result": "AAAA", "output_format": "webp"}
    search = {"type": "web_search_call", "id": "ws", "status": "completed"}
    strange = message({"type": "output_hologram", "data": "x"})
    assert finished(image, search, strange, message()) == (
        Media("image", "image/webp", data="AAAA", extra={"item": image}),
        Unknown("openai-responses", search),
        Unknown("openai-responses", strange),
        Unknown("openai-responses", message()),
    )


def test_an_item_that_is_said_twice_counts_once() -> None:
    made = Items()
    events = [*made.finish(0, CALL), *made.finish(0, CALL), *made.add(0, CALL), *made.text(0, ("output_text", 0), "x")]
    assert len(parts([*events, *made.finish_all([CALL])])) == 1
    assert list(itertools.chain(*(Items().finish_all(other) for other in (None, 3, ["x"])))) == []


def test_all_items_are_noted_as_they_came_in_their_order() -> None:
    made = Items()
    events = [*made.finish(1, CALL), *made.finish(0, SEALED), *made.finish_all(None)]
    assert fold(events).choices[0].extra == {"output": [SEALED, CALL]}
    assert fold(Items().finish_all([SEALED, CALL])).choices[0].extra == {"output": [SEALED, CALL]}


def test_an_item_that_is_given_whole_waits_for_the_text_that_is_being_said() -> None:
    made, search = Items(), {"type": "web_search_call", "id": "ws"}
    events = [
        *made.text(0, ("output_text", 0), "你"),
        *made.add(1, search),
        *made.finish(1, search),
        *made.text(0, ("output_text", 0), "好"),
        *made.finish_all([message(text("你好")), search]),
    ]
    assert plain(parts(events)) == [("Text", "你好"), ("Unknown", "")]


def test_a_refusal_alone_is_one() -> None:
    assert finished(message({"type": "refusal", "refusal": "不行"})) == (Refusal("不行"),)
