"""What is read in one step is read as it would be in many."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from entrepot.canonical.request import Message, Text
from entrepot.dialects.openai_chat.plain import read_plain
from entrepot.dialects.openai_chat.request import parse_request, take_apart
from entrepot.errors import InvalidRequest

words = st.text(max_size=8) | st.sampled_from(["你好", '"1h"', "\ud800", "a\nb"])
roles = st.sampled_from(["system", "user", "assistant", "tool", "developer", "nobody"])
contents: st.SearchStrategy[Any] = st.one_of(
    words, words, words, st.none(), st.just([{"type": "text", "text": "x"}]), st.integers()
)
messages = st.lists(
    st.fixed_dictionaries(
        {"role": roles | st.just("user"), "content": contents},
        optional={"name": words, "refusal": st.none() | words, "tool_call_id": words},
    ),
    max_size=3,
)
numbers: st.SearchStrategy[Any] = st.one_of(st.integers(-2, 5), st.none(), st.floats(-1, 2), st.just("3"))
flags: st.SearchStrategy[Any] = st.one_of(st.booleans(), st.none(), st.just("true"))
bodies = st.fixed_dictionaries(
    {"model": words | st.just("m"), "messages": messages},
    optional={
        "max_tokens": numbers,
        "max_completion_tokens": numbers,
        "temperature": numbers,
        "top_p": numbers,
        "seed": numbers,
        "n": numbers,
        "user": words | st.none(),
        "stream": flags,
        "stream_options": st.none() | st.dictionaries(st.sampled_from(["include_usage", "other"]), flags, max_size=2),
        "stop": st.none() | words,
        "logprobs": flags,
        "anything": words,
    },
)


@given(bodies, st.booleans())
def test_what_is_plain_is_read_as_if_it_were_not(body: dict[str, Any], as_ascii: bool) -> None:
    written = json.dumps(body, ensure_ascii=as_ascii).encode("utf-8", "surrogatepass")
    plain = read_plain(written)
    if plain is not None:
        assert plain == take_apart(written)


@pytest.mark.parametrize(
    "body",
    [
        b'{"model": "m", "messages": [{"role": "user", "content": "x"}], "model": ""}',
        b'{"model": "m", "messages": [{"role": "user", "content": "\xff"}]}',
        b'{"model": "m", "messages": []}',
        b'{"model": "m", "messages": [{"role": "user", "content": "x"}], "max_tokens": 0}',
        b"[]",
        b"",
    ],
)
def test_what_is_wrong_is_left_to_who_can_say_why(body: bytes) -> None:
    assert read_plain(body) is None
    with pytest.raises(InvalidRequest):
        parse_request(body)


def test_the_commonest_requests_are_plain() -> None:
    body = {
        "model": "auto",
        "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "你好"}],
        "max_tokens": 9,
        "temperature": 0,
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    asked = read_plain(json.dumps(body).encode())
    assert asked is not None
    request = asked.request
    assert request.messages == (Message("system", (Text("Be brief."),)), Message("user", (Text("你好"),)))
    assert (request.model, request.max_output_tokens, request.temperature) == ("auto", 9, 0.0)
    assert request.stream
    assert request.include_usage
    assert list(asked.fields) == list(body)


def test_recorded_requests_are_read_alike(wire_dir: Path) -> None:
    plain = 0
    with gzip.open(wire_dir / "exchanges.jsonl.gz", "rt", encoding="utf-8") as lines:
        for line in lines:
            request = json.loads(line)["request"]
            if isinstance(request, dict) and "messages" in request and "model" in request:
                body = json.dumps(request).encode()
                if (asked := read_plain(body)) is not None:
                    plain += 1
                    assert asked == take_apart(body)
    assert plain > 20
