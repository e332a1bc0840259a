from __future__ import annotations

import json
from typing import Any

import pytest

from entrepot.canonical.request import Message, Text
from entrepot.dialects.base import Asked, Target
from entrepot.dialects.openai_chat import OpenAIChat
from entrepot.dialects.openai_completions.request import parse_request
from entrepot.errors import InvalidRequest


def parse(**body: Any) -> Asked:
    return parse_request(json.dumps({"model": "m", "prompt": "你好", **body}).encode())


@pytest.mark.parametrize("prompt", ["你好", ["你好"]])
def test_a_prompt_is_a_message_of_the_user(prompt: Any) -> None:
    request = parse(prompt=prompt, stop=["。"], n=2, max_tokens=7, stream=True).request
    assert request.messages == (Message("user", (Text("你好"),)),)
    assert (request.stop, request.n, request.max_output_tokens, request.stream) == (("。",), 2, 7, True)
    assert parse().request.max_output_tokens is None


def test_a_chat_provider_is_sent_every_setting_it_knows() -> None:
    settings = {"presence_penalty": 0.5, "logit_bias": {"50256": -100}, "seed": 3, "temperature": 0}
    asked = parse(**settings, logprobs=2, best_of=1, echo=False, suffix="")
    body = json.loads(OpenAIChat.render_request(asked, Target("https://x/v1", "name"), None).body)
    assert body == {
        "model": "name",
        "messages": [{"role": "user", "content": "你好"}],
        "logprobs": True,
        "top_logprobs": 2,
        **settings,
    }


def test_an_echo_is_for_us_and_not_for_the_provider() -> None:
    asked = parse(echo=True)
    assert asked.request.extra["echo"] is True
    assert "echo" not in asked.fields


@pytest.mark.parametrize(
    ("changes", "param", "why"),
    [
        ({"prompt": None}, "prompt", "missing"),
        ({"prompt": []}, "prompt", "missing"),
        ({"prompt": ["a", "b"]}, "prompt", "one by one"),
        ({"prompt": [1, 2]}, "prompt", "token ids"),
        ({"prompt": [[1, 2]]}, "prompt", "token ids"),
        ({"prompt": {"a": 1}}, "prompt", "Expected"),
        ({"prompt": ["a", {}]}, "prompt[1]", "Expected"),
        ({"suffix": "。"}, "suffix", "put it into the prompt"),
        ({"best_of": 3}, "best_of", "leave it out"),
        ({"echo": True, "logprobs": 1}, "echo", "leave one out"),
        ({"echo": "yes"}, "echo", "Expected"),
        ({"logprobs": 21}, "logprobs", "from 0 to 20"),
        ({"logprobs": "2"}, "logprobs", "Expected"),
        ({"temperature": "hot"}, "temperature", "Expected"),
        ({"model": ""}, "model", "empty"),
    ],
)
def test_what_cannot_be_asked_is_named_with_the_reason(changes: dict[str, Any], param: str, why: str) -> None:
    with pytest.raises(InvalidRequest, match=why) as caught:
        parse(**changes)
    assert caught.value.param == param


@pytest.mark.parametrize("body", [b"{", b"\xff", b"[]", b"[" * 100_000])
def test_what_is_no_request_is_refused(body: bytes) -> None:
    with pytest.raises(InvalidRequest):
        parse_request(body)
