"""Canonical values of every shape, for property tests."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from entrepot.canonical.request import Media, Part, Reasoning, Refusal, Text, ToolCall, ToolResult, Unknown
from entrepot.canonical.response import Choice, FinishReason, Response, Usage, Vector

words = st.text(max_size=12) | st.sampled_from(["你好，世界", "مرحبا", "a\n\nb", "🙂", '{"a": 1}'])
extras: st.SearchStrategy[dict[str, Any]] = st.dictionaries(
    st.sampled_from(["a", "citations", "logprobs"]),
    st.lists(st.integers(), max_size=2) | st.text(max_size=3),
    max_size=2,
)
texts = st.builds(Text, words, extras)
reasonings = st.builds(
    Reasoning, words, st.none() | words, st.booleans(), st.none() | st.just("anthropic-messages"), extras
)
calls = st.builds(
    ToolCall, st.text(min_size=1, max_size=5), st.just("look_up"), st.just('{"q": "天气"}'), st.none() | words, extras
)
media = st.builds(Media, st.sampled_from(["image", "audio"]), st.just("image/png"), data=st.just("AAAA"))
unknowns = st.builds(Unknown, st.just("somewhere"), st.just({"type": "new"}))
results = st.builds(ToolResult, st.just("id"), st.tuples(texts))
parts: st.SearchStrategy[Part] = st.one_of(
    texts, reasonings, calls, media, unknowns, results, st.builds(Refusal, words)
)
reasons: st.SearchStrategy[FinishReason] = st.sampled_from(
    ["stop", "length", "tool_calls", "content_filter", "refusal", "pause", "error", "unknown"]
)
usages = st.builds(Usage, *[st.integers(0, 10_000)] * 5)
vectors = st.builds(Vector, st.sampled_from([b"[]", b"[0.5, -1e-3]"])) | st.builds(Vector, base64=st.just("AACAPw=="))


@st.composite
def responses(draw: st.DrawFn) -> Response:
    """A whole answer of one to three choices."""
    choices = tuple(
        Choice(index, tuple(draw(st.lists(parts, max_size=5))), draw(reasons), draw(extras))
        for index in range(draw(st.integers(1, 3)))
    )
    embedded = tuple(draw(st.lists(vectors, max_size=3)))
    return Response("id", "model", 7, choices, draw(st.none() | usages), draw(extras), "somewhere", embedded)
