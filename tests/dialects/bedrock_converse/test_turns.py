from __future__ import annotations

from typing import Any

import pytest

from entrepot.canonical.request import (
    Media,
    Message,
    Part,
    Reasoning,
    Refusal,
    Request,
    Text,
    ToolCall,
    ToolResult,
    Unknown,
)
from entrepot.dialects.base import Asked, Target
from entrepot.dialects.bedrock_converse.turns import seal_of_redacted
from entrepot.errors import InvalidRequest
from tests.dialects.bedrock_converse.asking import (
    BASE,
    CALL,
    CLAUDE,
    DIALECT,
    HI,
    LLAMA,
    NOVA,
    RESULT,
    WEATHER,
    body,
    user,
)

POINT = {"cachePoint": {"type": "default"}}
MARK = {"cache_control": {"type": "ephemeral"}}
IMAGE = Media("image", "image/png", data="QUJD")
PDF = Media("file", "application/pdf", data="QUJD", name="r.pdf")
AGAIN = user(Text("再来"))


def turns(*messages: Message, model: str = CLAUDE, **settings: Any) -> list[Any]:
    return [(each["role"], each["content"]) for each in body(model, *messages, **settings)["messages"]]


def refused(*messages: Message) -> InvalidRequest:
    with pytest.raises(InvalidRequest) as caught:
        body(CLAUDE, *messages, tools=(WEATHER,))
    return caught.value


def test_instructions_are_hoisted_and_blank_text_is_left_out() -> None:
    sent = body(
        CLAUDE,
        Message("system", (Text("简短"), Text("  "))),
        user(Text(""), Text("你好")),
        Message("developer", (Text("b"),)),
    )
    assert sent["system"] == [{"text": "简短"}, {"text": "b"}]
    assert sent["messages"] == [{"role": "user", "content": [{"text": "你好"}]}]


def test_neighbours_of_one_role_are_one_turn_and_a_turn_without_content_is_none() -> None:
    said = turns(
        HI,
        Message("assistant", (Text(" "),)),
        AGAIN,
        Message("assistant", (Text("a"),)),
        Message("assistant", (Text("b \n"),)),
    )
    assert said == [("user", [{"text": "你好"}, {"text": "再来"}]), ("assistant", [{"text": "a"}, {"text": "b"}])]


def test_instructions_alone_are_the_users_turn_and_for_models_without_them_begin_it() -> None:
    system = Message("system", (Text("简短"),))
    assert turns(system) == [("user", [{"text": "简短"}])]
    assert "system" not in body("amazon.titan-text-express-v1", system, HI)
    assert turns(system, HI, model="amazon.titan-text-express-v1") == [("user", [{"text": "简短"}, {"text": "你好"}])]
    assert turns(system, HI, quirks=("no_system",)) == [("user", [{"text": "简短"}, {"text": "你好"}])]


def test_a_conversation_begins_with_the_user_and_says_something() -> None:
    assert refused(Message("assistant", (Text("a"),)), HI).param == "messages[0]"
    assert "nothing is left" in refused(user(Text(" "))).message


def test_results_of_parallel_calls_are_first_in_one_user_turn() -> None:
    calls = Message(
        "assistant", (Text("我查"), ToolCall("a", "get_weather", "{}"), ToolCall("b", "get_weather", '{"city": "x"}'))
    )
    results = [Message("tool", (ToolResult("a", (Text("1"),)),)), Message("tool", (ToolResult("b", (IMAGE,)),))]
    said = turns(HI, calls, *results, AGAIN, tools=(WEATHER,))
    assert said[1][1] == [
        {"text": "我查"},
        {"toolUse": {"toolUseId": "a", "name": "get_weather", "input": {}}},
        {"toolUse": {"toolUseId": "b", "name": "get_weather", "input": {"city": "x"}}},
    ]
    assert said[2] == (
        "user",
        [
            {"toolResult": {"toolUseId": "a", "content": [{"text": "1"}]}},
            {"toolResult": {"toolUseId": "b", "content": [{"image": {"format": "png", "source": {"bytes": "QUJD"}}}]}},
            {"text": "再来"},
        ],
    )


def test_of_results_said_twice_the_last_counts() -> None:
    again = Message("tool", (ToolResult("call_1", (Text("雨"),)),))
    said = turns(HI, CALL, RESULT, again, tools=(WEATHER,))
    assert said[2][1] == [{"toolResult": {"toolUseId": "call_1", "content": [{"text": "雨"}]}}]


def test_calls_without_results_and_results_without_calls_are_refused() -> None:
    assert refused(HI, CALL, AGAIN).param == "messages[1]"
    assert refused(HI, CALL).param == "messages[1]"
    assert refused(HI, RESULT).param == "messages[1].parts[0]"


def test_a_failed_result_says_so_and_says_something() -> None:
    failed = Message("tool", (ToolResult("call_1", (Text(""),), is_error=True),))
    said = turns(HI, CALL, failed, tools=(WEATHER,))
    assert said[2][1] == [{"toolResult": {"toolUseId": "call_1", "content": [{"text": "error"}], "status": "error"}}]
    for quiet in ({"model": "us.writer.palmyra-x4-v1:0"}, {"quirks": ("no_result_status",)}):
        (result,) = turns(HI, CALL, failed, tools=(WEATHER,), **quiet)[2][1]
        assert "status" not in result["toolResult"]


def test_names_and_ids_are_mapped_to_what_bedrock_takes_and_back() -> None:
    call = Message("assistant", (ToolCall("调用/1", "查天气", "{}"), ToolCall("functions.x:0", "ok", "not json")))
    results = Message("tool", (ToolResult("调用/1", ()), ToolResult("functions.x:0", ())))
    said = turns(HI, call, results, tools=(WEATHER,))
    first, second = (block["toolUse"] for block in said[1][1])
    assert first["toolUseId"] == said[2][1][0]["toolResult"]["toolUseId"]
    assert first["name"].isascii()
    assert first["toolUseId"].isascii()
    assert second == {"toolUseId": "functions.x:0", "name": "ok", "input": {"invalid_json": "not json"}}


def test_a_cache_marker_is_a_block_of_its_own_behind_what_it_marks() -> None:
    hour = {"cache_control": {"type": "ephemeral", "ttl": "1h"}}
    system = Message("system", (Text("s", hour),))
    result = Message("tool", (ToolResult("call_1", (Text("晴", MARK),)),))
    sent = body(
        CLAUDE,
        system,
        user(Text("a", MARK), Text("b")),
        CALL,
        result,
        Message("user", (Text("c"),), extra=MARK),
        tools=(WEATHER,),
    )
    assert sent["system"] == [{"text": "s"}, {"cachePoint": {"type": "default", "ttl": "1h"}}]
    assert sent["messages"][0]["content"] == [{"text": "a"}, POINT, {"text": "b"}]
    assert sent["messages"][2]["content"][1:] == [POINT, {"text": "c"}, POINT]


def test_a_cache_marker_goes_before_documents_and_is_left_out_where_models_refuse_it() -> None:
    document = {"document": {"format": "pdf", "source": {"bytes": "QUJD"}, "name": "r"}}
    marked = Media("file", "application/pdf", data="QUJD", name="r.pdf", extra=MARK)
    assert turns(user(Text("a"), marked)) == [("user", [{"text": "a"}, POINT, document])]
    assert turns(user(marked, Text("a"))) == [("user", [document, {"text": "a"}])]
    assert turns(user(Text("a", MARK)), model=LLAMA) == [("user", [{"text": "a"}])]
    assert turns(user(Text("a", MARK)), model=NOVA) == [("user", [{"text": "a"}, POINT])]
    assert turns(user(Text("a", MARK)), quirks=("no_cache_points",)) == [("user", [{"text": "a"}])]


def test_a_cache_marker_on_blank_text_marks_what_is_before_it_if_anything_is() -> None:
    assert turns(user(Text("a"), Text("\n", MARK))) == [("user", [{"text": "a"}, POINT])]
    assert turns(user(Text(" ", MARK), Text("a"))) == [("user", [{"text": "a"}])]
    assert turns(HI, Message("assistant", (Text("", MARK),)), AGAIN) == [("user", [{"text": "你好"}, {"text": "再来"}])]
    assert "system" not in body(CLAUDE, Message("system", (Text("", MARK),)), HI)


def test_a_document_has_text_beside_it() -> None:
    assert turns(user(PDF))[0][1][-1] == {"text": "r"}
    assert turns(user(PDF, Text("看")))[0][1][-1] == {"text": "看"}


CLAUDES = Reasoning("想", "sig", bound_to="anthropic-messages")
BEDROCKS = Reasoning("想", "sig", bound_to="bedrock-converse")


@pytest.mark.parametrize(
    ("part", "model", "block"),
    [
        (CLAUDES, CLAUDE, {"reasoningText": {"text": "想", "signature": "sig"}}),
        (BEDROCKS, CLAUDE, {"reasoningText": {"text": "想", "signature": "sig"}}),
        (BEDROCKS, NOVA, {"reasoningText": {"text": "想", "signature": "sig"}}),
        (CLAUDES, NOVA, None),
        (Reasoning("想", "sig", bound_to="gemini-generate"), CLAUDE, None),
        (Reasoning("想", None, bound_to="bedrock-converse"), CLAUDE, None),
        (Reasoning("", "opaque", True, "anthropic-messages"), CLAUDE, {"redactedContent": "b3BhcXVl"}),
        (Reasoning("", "b3BhcXVl", True, "bedrock-converse"), CLAUDE, {"redactedContent": "b3BhcXVl"}),
    ],
)
def test_reasoning_goes_back_to_the_maker_that_sealed_it(
    part: Reasoning, model: str, block: dict[str, Any] | None
) -> None:
    said = turns(HI, Message("assistant", (part, Text("好"))), AGAIN, model=model)
    assert said[1][1] == [*([{"reasoningContent": block}] if block else []), {"text": "好"}]


def test_redacted_content_of_claude_is_its_own_text_and_any_other_stays() -> None:
    assert seal_of_redacted("b3BhcXVl") == ("opaque", "anthropic-messages")
    assert seal_of_redacted("not base64!") == ("not base64!", "bedrock-converse")
    assert seal_of_redacted("/w==") == ("/w==", "bedrock-converse")


def test_a_fixed_budget_is_left_out_of_a_tool_loop_without_its_thinking() -> None:
    def thinks(*messages: Message) -> bool:
        sent = body("us.anthropic.claude-sonnet-4-5-v1:0", *messages, tools=(WEATHER,), reasoning_effort="low")
        return "thinking" in sent.get("additionalModelRequestFields", {})

    sealed = Message("assistant", (CLAUDES, *CALL.parts))
    assert not thinks(HI, CALL, RESULT)
    assert thinks(HI, sealed, RESULT)
    assert thinks(HI, CALL, RESULT, AGAIN)


@pytest.mark.parametrize(
    ("message", "param"),
    [
        (user(Text("a"), Unknown("another-dialect", {"type": "hologram"})), "messages[0].parts[1]"),
        (Message("system", (IMAGE,)), "messages[0].parts[0]"),
        (Message("assistant", (IMAGE,)), "messages[0].parts[0]"),
        (user(ToolCall("a", "b", "{}")), "messages[0].parts[0]"),
    ],
)
def test_content_at_a_place_where_bedrock_takes_none_is_refused_by_name(message: Message, param: str) -> None:
    assert refused(message, HI).param == param


def test_a_sound_is_no_result_of_a_tool() -> None:
    sound: Part = Media("audio", "audio/wav", data="QUJD")
    assert isinstance(sound, Media)
    error = refused(HI, CALL, Message("tool", (ToolResult("call_1", (sound,)),)))
    assert error.param == "messages[2].parts[0].parts[0]"


def test_a_refusal_is_the_text_it_is_and_bedrocks_own_blocks_stay() -> None:
    own = Unknown("bedrock-converse", {"guardContent": {"text": {"text": "x"}}})
    said = turns(user(Text("a"), own), Message("assistant", (Refusal("不行"),)), AGAIN)
    assert said[0][1][1] == {"guardContent": {"text": {"text": "x"}}}
    assert said[1][1] == [{"text": "不行"}]


def test_a_request_is_not_changed_by_being_sent() -> None:
    raw = {"guardContent": {"text": {"text": "x"}}}
    request = Request("m", (user(Text("a"), Unknown("bedrock-converse", raw)), Message("assistant", (Text("b "),))))
    target = Target(BASE, CLAUDE)
    first = DIALECT.render_request(Asked(request, "x", {}), target, None).body
    assert DIALECT.render_request(Asked(request, "x", {}), target, None).body == first
    assert raw == {"guardContent": {"text": {"text": "x"}}}
