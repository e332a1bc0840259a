from __future__ import annotations

import json
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from entrepot.canonical.request import Text
from entrepot.dialects.anthropic_messages import AnthropicMessages
from entrepot.dialects.base import ClientDialect, Target
from entrepot.dialects.openai_chat import OpenAIChat
from entrepot.dialects.overhear import Overheard
from entrepot.dialects.registry import open_relay
from entrepot.errors import ProviderError

CHAT = OpenAIChat()
TARGET = Target("https://host.example", "m")
WIRE = b"".join(
    b"data: " + (value if isinstance(value, bytes) else json.dumps(value).encode()) + b"\n\n"
    for value in (
        {"id": "x", "model": "m", "choices": [{"index": 0, "delta": {"content": "四十"}}]},
        {"choices": [{"index": 0, "delta": {"content": "二"}}]},
        {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]},
        {"choices": [], "usage": {"prompt_tokens": 7, "completion_tokens": 3}},
        b"[DONE]",
    )
)


def overheard(client: ClientDialect) -> tuple[Overheard, bytes]:
    """A relay that is listened to, and what an unheard one sends."""
    body = {"model": "m", "stream": True, "max_tokens": 9, "messages": [{"role": "user", "content": "6*7"}]}
    asked = client.parse_request(json.dumps(body).encode())
    plain = open_relay(client, CHAT, asked, TARGET)
    relay = open_relay(client, CHAT, asked, TARGET)
    sent = plain.feed(WIRE).data + plain.close().data
    return Overheard(relay, CHAT.open_parser(asked, TARGET)), sent


@given(st.lists(st.integers(0, len(WIRE)), max_size=5))
def test_the_client_gets_what_it_would_have_got_and_we_hear_what_it_says(cuts: list[int]) -> None:
    for client in (CHAT, AnthropicMessages()):
        relay, expected = overheard(client)
        places = [0, *sorted(cuts), len(WIRE)]
        sent = b"".join(relay.feed(WIRE[start:end]).data for start, end in pairwise(places))
        assert sent + relay.close().data == expected
        (choice,) = relay.heard().choices
        assert (choice.parts, choice.finish_reason) == ((Text("四十二"),), "stop")
        assert relay.summary(99).usage.input_tokens == 7


def test_what_is_broken_off_is_broken_off_in_the_clients_words() -> None:
    relay, _ = overheard(CHAT)
    relay.feed(WIRE[:60])
    assert b"error" in relay.break_off(ProviderError("gone"))
