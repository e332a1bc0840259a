"""Quirks 45 to 67: what each host of the OpenAI chat dialect does its own way, as the catalog declares it."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from entrepot.canonical.fold import fold
from entrepot.canonical.request import Message, OutputFormat, Reasoning, Request, Text, ToolCall, ToolResult
from entrepot.canonical.response import Usage
from entrepot.catalog.load import load_catalog
from entrepot.catalog.schema import Provider
from entrepot.dialects.base import Asked, Target
from entrepot.dialects.openai_chat import OpenAIChat
from entrepot.errors import InvalidRequest
from tests.dialects.quirks.test_frames import DONE, HELLO, STOP, USAGE, chunk, folded, frame, relay_to, run
from tests.exchange.frames import chunk as content_chunk
from tests.exchange.frames import end as end_chunk
from tests.exchange.frames import ok
from tests.exchange.transcript import Story, candidate, plan_for

PROVIDERS = {provider.id: provider for provider in load_catalog().providers}
QUESTION = {"role": "user", "content": "问"}
TOOL = {"type": "function", "function": {"name": "f", "parameters": {"type": "object", "additionalProperties": False}}}


def provider(name: str) -> Provider:
    return PROVIDERS[name]


def sent_to(name: str, *, model: str = "m", **fields: Any) -> dict[str, Any]:
    """What a client's request becomes for this provider of the catalog, and for one of its offers."""
    quirks = {
        *provider(name).quirks,
        *(q for offer in provider(name).offers if offer.model == model for q in offer.quirks),
    }
    target = Target(provider(name).regions[0].base_url, model, frozenset(quirks))
    body = json.dumps({"model": "m", "messages": [QUESTION], **fields}).encode()
    read: dict[str, Any] = json.loads(OpenAIChat.render_request(OpenAIChat.parse_request(body), target, None).body)
    return read


def composed_for(name: str, *messages: Message, **settings: Any) -> dict[str, Any]:
    """What the same of another dialect's client becomes."""
    request = Request("m", messages or (Message("user", (Text("问"),)),), **settings)
    target = Target("https://host", "m", frozenset(provider(name).quirks))
    read: dict[str, Any] = json.loads(OpenAIChat.render_request(Asked(request, "other", {}), target, None).body)
    return read


def parsed_of(name: str, *pieces: bytes) -> list[tuple[str, str]]:
    """What an answer of this provider thinks and says."""
    asked = OpenAIChat.parse_request(json.dumps({"model": "m", "messages": [QUESTION], "stream": True}).encode())
    parser = OpenAIChat.open_parser(asked, Target("u", "m", frozenset(provider(name).quirks)))
    from_pieces = [event for piece in pieces for event in parser.feed(piece)]
    return told([*from_pieces, *parser.close()])


def told(events: list[Any]) -> list[tuple[str, str]]:
    parts = fold(events).choices[0].parts
    return [(type(part).__name__, part.text) for part in parts if isinstance(part, Text | Reasoning)]


CALL = {"id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}}
CALLING = {"role": "assistant", "content": None, "tool_calls": [CALL]}
RESULT = {"role": "tool", "tool_call_id": "a", "content": "晴"}


@pytest.mark.parametrize("name", ["deepseek", "moonshot", "moonshot-cn"])
def test_quirk_45_every_turn_brings_its_reasoning_back(name: str) -> None:
    thought = {**CALLING, "reasoning_content": "想"}
    messages = sent_to(name, messages=[QUESTION, thought, RESULT])["messages"]
    assert messages[1]["reasoning_content"] == "想"
    messages = sent_to(name, messages=[QUESTION, CALLING, RESULT])["messages"]
    assert messages[1]["reasoning_content"] == " "
    turn = Message("assistant", (Reasoning("想", bound_to="openai-chat"), ToolCall("a", "f", "{}")))
    result = Message("tool", (ToolResult("a", (Text("晴"),)),))
    assert composed_for(name, turn, result)["messages"][0]["reasoning_content"] == "想"
    foreign = Message("assistant", (Reasoning("秘", "sealed", bound_to="anthropic-messages"), ToolCall("a", "f", "{}")))
    assert "秘" not in json.dumps(composed_for(name, foreign, result), ensure_ascii=False)


@pytest.mark.parametrize(
    ("usage", "counted"),
    [
        ({"prompt_tokens": 10, "completion_tokens": 5, "prompt_cache_hit_tokens": 8, "prompt_cache_miss_tokens": 2}, (2, 8)),
        ({"prompt_tokens": 10, "completion_tokens": 5, "cached_tokens": 8}, (2, 8)),
        ({"prompt_tokens": 10, "completion_tokens": 5, "prompt_tokens_details": {"cached_tokens": 8}}, (2, 8)),
        ({"prompt_tokens": 10, "completion_tokens": 5, "prompt_tokens_details": None}, (10, 0)),
    ],
)  # fmt: skip
def test_quirk_46_cache_reads_are_counted_whatever_they_are_called(
    usage: dict[str, Any], counted: tuple[int, int]
) -> None:
    relay = relay_to("openai-chat")
    run(relay, HELLO + STOP + frame({"choices": [], "usage": usage}) + DONE)
    read = relay.summary(0).usage
    assert (read.input_tokens, read.cache_read_tokens) == counted
    folder = folded(HELLO + STOP + frame({"choices": [], "usage": usage}) + DONE)
    assert folder.response().usage == read


def test_quirk_47_deepseek_takes_functions_only_and_other_tools_are_refused_by_name() -> None:
    assert "tools" in sent_to("deepseek", tools=[TOOL])
    with pytest.raises(InvalidRequest, match=r"tools\[1\] is of the kind 'custom'") as refused:
        sent_to("deepseek", tools=[TOOL, {"type": "custom", "custom": {"name": "x"}}])
    assert refused.value.param == "tools[1]"


def test_quirk_48_kimi_is_asked_as_it_wants_to_be() -> None:
    parts = [{"type": "text", "text": "看"}, {"type": "text", "text": "这"}]
    read = sent_to(
        "moonshot",
        model="kimi-k2.6",
        messages=[{"role": "developer", "content": "简短"}, {"role": "user", "content": parts}],
        temperature=0.2,
        top_p=0.5,
        tools=[TOOL],
        tool_choice="required",
        reasoning_effort="medium",
    )
    assert read["messages"] == [{"role": "system", "content": "简短"}, {"role": "user", "content": "看\n这"}]
    assert not {"temperature", "top_p"} & read.keys()
    assert read["tool_choice"] == "auto"
    assert (read["reasoning_effort"], read["thinking"]) == ("high", {"type": "enabled"})


@pytest.mark.parametrize("name", ["zai", "zhipu"])
def test_quirk_49_glm_is_asked_as_it_wants_to_be_and_its_network_error_is_a_failure(name: str) -> None:
    assert provider(name).regions[0].base_url.endswith("/api/paas/v4")
    schema = {"type": "json_schema", "json_schema": {"name": "a", "schema": {"type": "object"}}}
    read = sent_to(name, response_format=schema, temperature=1.5, max_completion_tokens=7, reasoning_effort="none")
    assert read["response_format"] == {"type": "json_object"}
    assert '{"type":"object"}' in read["messages"][0]["content"]
    assert (read["temperature"], read["max_tokens"], read["thinking"]) == (1, 7, {"type": "disabled"})
    marked = composed_for(name, Message("system", (Text("长", {"cache_control": {"type": "ephemeral"}}),)))
    assert marked["messages"][0]["content"][0]["cache_control"] == {"type": "ephemeral"}
    for client in ("openai-chat", "anthropic-messages"):
        _, failures = run(relay_to(client), HELLO + chunk("network_error") + DONE)
        assert [(failure.kind, failure.code) for failure in failures] == [("server_error", "network_error")]
    assert folded(HELLO + chunk("sensitive") + DONE).response().choices[0].finish_reason == "content_filter"
    assert folded(HELLO + chunk("model_context_window_exceeded") + DONE).response().choices[0].finish_reason == "length"


def test_quirk_50_qwen_thinks_by_its_own_switch_and_each_region_is_an_address_with_a_place() -> None:
    assert sent_to("alibaba", reasoning_effort="low")["enable_thinking"] is True
    read = composed_for("alibaba", reasoning_budget_tokens=4000)
    assert (read["enable_thinking"], read["thinking_budget"]) == (True, 4000)
    assert sent_to("alibaba", reasoning_effort="none")["enable_thinking"] is False
    assert sent_to("alibaba", tools=[TOOL], tool_choice="required")["tool_choice"] == {
        "type": "function",
        "function": {"name": "f"},
    }
    places = {region.base_url: region.processed_in for region in provider("alibaba").regions}
    assert len(set(places.values())) > 1
    assert "CN" in places.values()


def test_quirk_50_a_model_that_thinks_in_streams_only_is_asked_for_one() -> None:
    quirks = frozenset({*provider("alibaba").quirks, "thinking_streams_only"})
    target = Target("https://host", "qwen3-32b", quirks)
    for settings, streams in (({"reasoning_effort": "high"}, True), ({}, False)):
        body = json.dumps({"model": "m", "messages": [QUESTION], **settings}).encode()
        read = json.loads(OpenAIChat.render_request(OpenAIChat.parse_request(body), target, None).body)
        assert (read.get("stream", False), read["enable_thinking"]) == (streams, streams)


@pytest.mark.parametrize(
    "delta",
    [{"reasoning_content": "想"}, {"reasoning": "想"}, {"reasoning": "想", "reasoning_content": "想"},
     {"reasoning_details": [{"type": "reasoning.text", "text": "想"}], "reasoning": "想"}],
)  # fmt: skip
def test_quirk_51_reasoning_has_three_names_and_is_said_once(delta: dict[str, Any]) -> None:
    folder = folded(chunk(**delta) + HELLO + STOP + DONE)
    parts = folder.response().choices[0].parts
    assert [(type(part).__name__, part.text) for part in parts if isinstance(part, Text | Reasoning)] == [
        ("Reasoning", "想"),
        ("Text", "你好"),
    ]
    relay = relay_to("openai-chat")
    relay.feed(chunk(**delta))
    assert relay.summary(0).usage.output_tokens == 1


def test_quirk_51_vllm_is_given_open_tools_and_one_system_message_at_the_beginning() -> None:
    strict = {**TOOL, "function": {**TOOL["function"], "strict": True}}  # type: ignore[dict-item]  # an object, as above
    late = {"role": "developer", "content": "二"}
    read = sent_to("vllm", tools=[strict], messages=[{"role": "system", "content": "一"}, QUESTION, late])
    assert read["tools"] == [{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}]
    assert read["messages"] == [{"role": "system", "content": "一\n\n二"}, QUESTION]


@pytest.mark.parametrize(
    "pieces",
    [
        ["<think>\n想", "一想\n</think>\n\n答"],
        ["<thi", "nk>想一想</th", "ink>答"],
        ["<think>想</think>\n<think>一想</think>答"],
    ],
)
def test_quirk_52_reasoning_between_tags_is_told_apart_however_the_tags_are_cut(pieces: list[str]) -> None:
    said = parsed_of("minimax", *(chunk(content=piece) for piece in pieces), STOP, DONE)
    assert "".join(text for kind, text in said if kind == "Reasoning") == "想一想"
    assert "".join(text for kind, text in said if kind == "Text") == "答"


def test_quirk_52_the_tags_go_back_where_the_provider_put_them() -> None:
    turn = {"role": "assistant", "content": "答", "reasoning_content": "想"}
    messages = sent_to("minimax", messages=[QUESTION, turn, QUESTION])["messages"]
    assert messages[1] == {"role": "assistant", "content": "<think>\n想\n</think>\n\n答"}


def test_quirk_53_what_fireworks_had_in_its_cache_is_said_in_a_header() -> None:
    headers = {b"fireworks-cached-prompt-tokens": b"3"}
    asked = OpenAIChat.parse_request(json.dumps({"model": "m", "messages": [QUESTION], "stream": True}).encode())
    relay = OpenAIChat.open_relay(asked, Target("u", "m"), headers)
    assert relay is not None
    run(relay, HELLO + STOP + USAGE + DONE)
    assert msgspec.structs.replace(relay.summary(0).usage, extra={}) == Usage(1, 3, output_tokens=2)
    parser = OpenAIChat.open_parser(asked, Target("u", "m"), headers)
    events = [*parser.feed(HELLO + STOP + USAGE + DONE), *parser.close()]
    usage = fold(events).usage
    assert usage is not None
    assert (usage.input_tokens, usage.cache_read_tokens) == (1, 3)


@pytest.mark.parametrize(("total", "billed"), [(18, 8), (15, 5)])
def test_quirk_55_reasoning_outside_the_completion_is_added_only_where_the_total_says_so(
    total: int, billed: int
) -> None:
    usage = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": total,
             "completion_tokens_details": {"reasoning_tokens": 3}}  # fmt: skip
    relay = relay_to("openai-chat")
    run(relay, HELLO + STOP + frame({"choices": [], "usage": usage}) + DONE)
    assert relay.summary(0).usage.all_output == billed


def test_quirk_56_json_mode_says_the_word_json() -> None:
    format_ = {"type": "json_object"}
    assert "JSON" in sent_to("xai", response_format=format_)["messages"][0]["content"]
    assert "JSON" in composed_for("xai", output_format=OutputFormat("json"))["messages"][0]["content"]
    said = [{"role": "user", "content": "answer in json"}]
    assert sent_to("xai", response_format=format_, messages=said)["messages"] == said


@pytest.mark.parametrize(("tier", "known"), [("on_demand", "default"), ("performance", "priority"), ("flex", "flex")])
def test_quirk_57_groqs_service_tiers_become_those_that_clients_know(tier: str, known: str) -> None:
    stream = HELLO.replace(b'"created"', b'"service_tier": "%s", "created"' % tier.encode()) + STOP + DONE
    data, _ = run(relay_to("openai-chat"), stream)
    first = json.loads(data.split(b"\n\n")[0].removeprefix(b"data: "))
    assert first["service_tier"] == known


def test_quirk_59_a_developer_is_the_system_at_every_host_but_those_that_know_one() -> None:
    developer = [{"role": "developer", "content": "简短"}, QUESTION]
    knowing = {"openai", "azure-openai", "openrouter"}
    for each in PROVIDERS.values():
        if each.dialect == "openai-chat" and each.id in knowing:
            assert sent_to(each.id, messages=developer)["messages"] == developer
        elif each.dialect == "openai-chat" and "no_developer_role" in each.quirks:
            assert sent_to(each.id, messages=developer)["messages"][0] == {"role": "system", "content": "简短"}
    silent = [p.id for p in PROVIDERS.values() if p.dialect == "openai-chat" and "no_developer_role" not in p.quirks]
    assert knowing <= set(silent)


@pytest.mark.parametrize("given", ["max_tokens", "max_completion_tokens"])
def test_quirk_60_the_limit_has_the_name_that_the_host_knows(given: str) -> None:
    fields: dict[str, Any] = {given: 7}
    assert sent_to("openai", **fields)["max_completion_tokens"] == 7
    assert "max_tokens" not in sent_to("openai", **fields)
    for name in ("deepseek", "mistral", "vllm", "openai-compatible"):
        assert sent_to(name, **fields)["max_tokens"] == 7
        assert "max_completion_tokens" not in sent_to(name, **fields)


def test_quirk_62_azures_annotations_on_each_chunk_pass_and_break_nothing() -> None:
    filters = {"content_filter_results": {"hate": {"filtered": False, "severity": "safe"}}}
    first = frame({"id": "", "choices": [], "prompt_filter_results": [{"prompt_index": 0, **filters}]})
    said = frame({"id": "c", "choices": [{"index": 0, "delta": {"content": "你好"}, "finish_reason": None, **filters}]})
    data, failures = run(relay_to("openai-chat"), first + said + STOP + DONE)
    assert failures == []
    assert data == first + said + STOP + DONE
    assert run(relay_to("anthropic-messages"), first + said + STOP + DONE)[1] == []


def test_quirk_62_a_tool_that_cannot_be_demanded_is_named_or_left_to_the_model() -> None:
    quirks = frozenset({"no_required_tool_choice"})
    for tools, choice in (([TOOL], {"type": "function", "function": {"name": "f"}}), ([TOOL, TOOL], "auto")):
        body = json.dumps({"model": "m", "messages": [QUESTION], "tools": tools, "tool_choice": "required"}).encode()
        sent = OpenAIChat.render_request(OpenAIChat.parse_request(body), Target("https://h", "m", quirks), None)
        assert json.loads(sent.body)["tool_choice"] == choice


def test_quirk_66_openrouters_own_bill_is_kept_and_its_402_says_whose_limit_it_was() -> None:
    usage = {"prompt_tokens": 4, "completion_tokens": 2, "total_tokens": 6, "cost": 0.00123}
    relay = relay_to("openai-chat")
    run(relay, HELLO + STOP + frame({"choices": [], "usage": usage}) + DONE)
    assert relay.summary(0).usage.extra["cost"] == 0.00123
    body = {"error": {"code": 402, "message": "Key limit exceeded", "metadata": {"limit_source": "key"}}}
    assert OpenAIChat.parse_failure(402, {}, json.dumps(body).encode()).kind == "quota"


def test_quirk_67_the_name_that_an_answer_claims_is_noted_and_never_priced() -> None:
    story = Story(plan_for(candidate("a/m", "1", "2")))
    claimed = content_chunk("x").data.replace(b'"choices"', b'"model": "other-model", "choices"')
    story.happens(ok(), msgspec.structs.replace(content_chunk("x"), data=claimed), end_chunk())
    assert story.entry.attempts[0].claimed_model == "other-model"
    assert story.entry.attempts[0].model_mismatch
    assert story.entry.attempts[0].model == "m"
    assert story.entry.cost_nano_usd == 2_000_000
