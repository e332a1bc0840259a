"""`check_dialect`: what every dialect must keep that is spoken to clients and to providers, ours and other people's alike.

Call it in a test with the dialect's two sides. It renders made-up answers and requests with one side and parses them with the
other, and raises AssertionError with a sentence that says what does not hold. A dialect with one side only can be given to
the checks of that side: `check_garbage` needs a provider's, `check_errors` a client's.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any
from urllib.parse import urlsplit

import msgspec

from entrepot.canonical.fold import fold, unfold
from entrepot.canonical.request import Message, Reasoning, Request, Text, Tool, ToolCall, ToolResult, Unknown
from entrepot.canonical.response import Choice, FinishReason, Response, Usage
from entrepot.canonical.stream import Ended, Failed, Pinged, StreamEvent
from entrepot.dialects.base import AnswerParser, Asked, ClientDialect, Envelope, ProviderDialect, Target
from entrepot.errors import (
    Defect,
    EntrepotError,
    Forbidden,
    InvalidRequest,
    ProviderError,
    RateLimited,
    Unauthenticated,
)

TARGET = Target("https://provider.example/v1", "upstream-name", max_output_tokens=1000)
TOOL = Tool("look_up", "Looks a word up. 查词。", {"type": "object", "properties": {"q": {"type": "string"}}})
_ASK = (Message("system", (Text("简短回答。"),)), Message("user", (Text("今天天气怎么样？"),)))

REQUESTS = {
    "a question": Request("m", _ASK, max_output_tokens=100),
    "a tool loop": Request(
        "m",
        (
            *_ASK,
            Message("assistant", (Text("我查一下。"), ToolCall("call_1", "look_up", '{"q": "北京"}'))),
            Message("tool", (ToolResult("call_1", (Text("晴，25℃"),)),)),
            Message("user", (Text("谢谢"),)),
        ),
        tools=(TOOL,),
        max_output_tokens=100,
    ),
    "parallel calls, one without arguments": Request(
        "m",
        (
            *_ASK,
            Message("assistant", (ToolCall("call_1", "look_up", '{"q": "a"}'), ToolCall("call_2", "look_up", "{}"))),
            Message("tool", (ToolResult("call_1", (Text("1"),)),)),
            Message("tool", (ToolResult("call_2", (Text("2"),)),)),
        ),
        tools=(TOOL,),
        max_output_tokens=100,
    ),
}


def _answer(*parts: Text | ToolCall | Reasoning, reason: FinishReason = "stop", usage: Usage | None = None) -> Response:
    counted = usage or Usage(11, output_tokens=7)
    return Response("id-1", "claimed", 1_700_000_000, (Choice(0, parts, reason),), counted)


ANSWERS = {
    "text": _answer(Text("你好，世界 🙂 مرحبا\n\nend")),
    "cut at the limit": _answer(Text("half"), reason="length"),
    "cached and reasoned": _answer(Text("x"), usage=Usage(5, 3, 2, 6, 4)),
    "one call": _answer(ToolCall("call_0", "look_up", '{"q": "天气"}'), reason="tool_calls"),
    "a call without arguments": _answer(ToolCall("call_0", "look_up", "{}"), reason="tool_calls"),
    "text, then parallel calls": _answer(
        Text("我查两个。"),
        ToolCall("call_0", "look_up", '{"q": "a"}'),
        ToolCall("call_1", "look_up", '{"q": "b"}'),
        reason="tool_calls",
    ),
}

_GARBAGE = (
    b"",
    b"\n\n",
    b"<html>502</html>",
    b"{",
    b"[]",
    b"null",
    b'{"error": {"message": "x"}}',
    b"data: {\n\n",
    b"data: []\n\n",
    b"event: x\ndata: 1\n\n",
    b"\xff\xfe\x00",
    b"[" * 5000,
    b'{"choices": 1, "content": 2}',
    b'{"choices": [1], "content": [2], "usage": 3}',
)


def check_dialect(client: ClientDialect, provider: ProviderDialect) -> None:
    """Every check below."""
    check_requests(client, provider)
    check_unsayable_is_refused(provider)
    check_answers(client, provider)
    check_splits(client, provider)
    check_cut_off(client, provider)
    check_break_off(client, provider)
    check_keep_alive(client, provider)
    check_garbage(provider)
    check_errors(client, provider)


def check_requests(client: ClientDialect, provider: ProviderDialect) -> None:
    """A request made from its canonical form says what that says, streamed or not."""
    for name, request in REQUESTS.items():
        for stream in (False, True):
            wanted = msgspec.structs.replace(request, stream=stream)
            read = _parsed_again(client, provider, wanted).request
            _require(
                _said(read.messages) == _said(wanted.messages), f"the request '{name}' is another: {read.messages}"
            )
            _require(
                [(t.name, t.description) for t in read.tools] == [(t.name, t.description) for t in wanted.tools], name
            )
            _require(read.stream == stream, f"the request '{name}' does not say whether it wants a stream")
            _require(read.max_output_tokens == request.max_output_tokens, f"the request '{name}' has another limit")
            _require(
                "upstream-name" in read.model, f"the request '{name}' does not name the model as the provider does"
            )


def check_unsayable_is_refused(provider: ProviderDialect) -> None:
    """Content that only another dialect knows is refused by name, never dropped."""
    unsayable = Message("user", (Text("look"), Unknown("another-dialect", {"type": "hologram"})))
    request = Request("m", (unsayable,), max_output_tokens=100)
    try:
        provider.render_request(Asked(request, "another-dialect", {}), TARGET, None)
    except InvalidRequest as error:
        _require(error.param == "messages[0].parts[1]", f"the refusal names '{error.param}', not the part")
    else:
        raise AssertionError("a part that the dialect cannot say was sent or dropped, not refused")


def check_answers(client: ClientDialect, provider: ProviderDialect) -> None:
    """What is rendered is parsed as what it was: text, calls, reason, usage; whole and streamed."""
    for name, answer in ANSWERS.items():
        for stream in (False, True):
            rendered = _rendered(client, provider, answer, stream)
            events = _parse(_parser(client, provider, stream), [rendered])
            _require(isinstance(events[-1], Ended), f"the answer '{name}' ends with {events[-1]}")
            read = fold(events)
            _check_same(read, answer, f"the answer '{name}', {'streamed' if stream else 'whole'}")


def check_splits(client: ClientDialect, provider: ProviderDialect) -> None:
    """Any split of the bytes gives the same events."""
    for name, answer in ANSWERS.items():
        for stream in (False, True):
            rendered = _rendered(client, provider, answer, stream)
            whole = _parse(_parser(client, provider, stream), [rendered])
            singly = _parse(_parser(client, provider, stream), [rendered[i : i + 1] for i in range(len(rendered))])
            _require(singly == whole, f"the answer '{name}' is another when its bytes come singly")
            for at in range(1, len(rendered), max(1, len(rendered) // 50)):
                halves = _parse(_parser(client, provider, stream), [rendered[:at], rendered[at:]])
                _require(halves == whole, f"the answer '{name}' is another when it is split at byte {at}")


def check_cut_off(client: ClientDialect, provider: ProviderDialect) -> None:
    """A stream that ends half way is a failure, and nothing follows a failure or an end."""
    rendered = _rendered(client, provider, ANSWERS["text"], stream=True)
    events = _parse(_parser(client, provider, stream=True), [rendered[: len(rendered) // 3]])
    _require(isinstance(events[-1], Failed), f"a stream that was cut off ends with {events[-1]}")
    parser = _parser(client, provider, stream=True)
    parser.feed(rendered)
    parser.close()
    _require([*parser.feed(rendered), *parser.close()] == [], "events follow the end of the answer")


def check_break_off(client: ClientDialect, provider: ProviderDialect) -> None:
    """An error in the middle of a stream is understood as one, and shows nothing that is not public."""
    asked = _asked(client, provider, stream=True)
    renderer = client.open_renderer(asked, 1)
    begun = renderer.render(unfold(ANSWERS["text"])[:2])
    broken = renderer.break_off(Defect("secret"))
    _require(b"secret" not in broken, "the end of a broken stream shows what is not public")
    events = _parse(provider.open_parser(asked, TARGET), [begun + broken])
    _require(isinstance(events[-1], Failed), f"the end of a broken stream is understood as {events[-1]}")


def check_keep_alive(client: ClientDialect, provider: ProviderDialect) -> None:
    """A sign of life says nothing, before a stream and between its pieces; before a whole answer nothing is said."""
    asked = _asked(client, provider, stream=True)
    sign = client.keep_alive(asked)
    _require(bool(sign), "a client that waits for a stream is told nothing")
    _require(not client.keep_alive(_asked(client, provider, stream=False)), "something is said before a whole answer")
    renderer = client.open_renderer(asked, 1)
    pieces = [renderer.render([event]) for event in unfold(ANSWERS["text"])]
    plain = _parse(provider.open_parser(asked, TARGET), [b"".join(pieces)])
    alive = _parse(provider.open_parser(asked, TARGET), [sign + sign.join(pieces)])
    _require(fold(alive) == fold(plain) and isinstance(alive[-1], Ended), "a sign of life changes what a stream says")
    broken = client.open_renderer(asked, 1).break_off(ProviderError("no candidate answered"))
    events = _parse(provider.open_parser(asked, TARGET), [sign + broken])
    _require(isinstance(events[-1], Failed), f"an error after a sign of life is understood as {events[-1]}")


def check_garbage(provider: ProviderDialect) -> None:
    """Whatever comes, the parser raises nothing and says that it failed."""
    for stream in (False, True):
        for body in _GARBAGE:
            asked = Asked(msgspec.structs.replace(REQUESTS["a question"], stream=stream), "another-dialect", {})
            events = _parse(provider.open_parser(asked, TARGET), [body])
            _require(bool(events), f"nothing is said of the body {body[:40]!r}")
            _require(isinstance(events[-1], Failed), f"the body {body[:40]!r} is understood as {events[-1]}")


def check_errors(client: ClientDialect, provider: ProviderDialect) -> None:
    """Our errors have their status and only public text, and are understood again as what they were."""
    cases: list[tuple[EntrepotError, str]] = [
        (InvalidRequest("坏请求", param="messages[0]"), "bad_request"),
        (Unauthenticated("no key"), "auth"),
        (Forbidden("not this one"), "auth"),
        (RateLimited("slow down", retry_after_s=2.5), "rate_limit"),
        (ProviderError("it failed"), "server_error"),
    ]
    for error, kind in cases:
        answer = client.render_error(error)
        _require(answer.status == error.status, f"{type(error).__name__} has the status {answer.status}")
        _require(error.public in answer.body.decode(), f"{type(error).__name__} does not show its public text")
        failure = provider.parse_failure(answer.status, dict(answer.headers), answer.body, None)
        _require(failure.kind == kind, f"{type(error).__name__} is understood as {failure.kind}")
    limited = client.render_error(RateLimited("slow down", retry_after_s=2.5))
    _require(dict(limited.headers)[b"retry-after"] == b"3", "a client that waits what it is told is early")
    _require(b"secret" not in client.render_error(Defect("secret")).body, "an error shows what is not public")


def _require(holds: bool, sentence: str) -> None:
    if not holds:
        raise AssertionError(sentence)


def _asked(client: ClientDialect, provider: ProviderDialect, *, stream: bool) -> Asked:
    wanted = msgspec.structs.replace(REQUESTS["a tool loop"], stream=stream, include_usage=True)
    asked = _parsed_again(client, provider, wanted)
    return msgspec.structs.replace(asked, request=msgspec.structs.replace(asked.request, include_usage=True))


def _parsed_again(client: ClientDialect, provider: ProviderDialect, request: Request) -> Asked:
    sent = provider.render_request(Asked(request, "another-dialect", {}), TARGET, None)
    address = urlsplit(sent.url)
    return client.parse_request(sent.body, Envelope(address.path, address.query, dict(sent.headers)))


def _parser(client: ClientDialect, provider: ProviderDialect, stream: bool) -> AnswerParser:
    return provider.open_parser(_asked(client, provider, stream=stream), TARGET)


def _rendered(client: ClientDialect, provider: ProviderDialect, answer: Response, stream: bool) -> bytes:
    return client.open_renderer(_asked(client, provider, stream=stream), 1).render(unfold(answer))


def _parse(parser: AnswerParser, pieces: Iterable[bytes]) -> list[StreamEvent]:
    events = [event for piece in pieces for event in parser.feed(piece)]
    events.extend(parser.close())
    return [event for event in events if not isinstance(event, Pinged)]


def _said(messages: Sequence[Message]) -> list[Any]:
    """What was said, without how it was divided into parts."""
    said: list[Any] = []
    for message in messages:
        for part in message.parts:
            if isinstance(part, Text):
                said.append((message.role, part.text))
            elif isinstance(part, ToolCall):
                said.append((part.id, part.name, msgspec.json.decode(part.arguments)))
            elif isinstance(part, ToolResult):
                said.append((part.call_id, [inner.text for inner in part.parts if isinstance(inner, Text)]))
            else:
                said.append(part)
    return said


def _check_same(read: Response, answer: Response, name: str) -> None:
    one, other = read.choices[0], answer.choices[0]
    texts = ["".join(part.text for part in each.parts if isinstance(part, Text)) for each in (one, other)]
    _require(texts[0] == texts[1], f"{name} says '{texts[0]}'")
    calls = [
        [(part.name, msgspec.json.decode(part.arguments)) for part in each.parts if isinstance(part, ToolCall)]
        for each in (one, other)
    ]
    _require(calls[0] == calls[1], f"{name} calls {calls[0]}")
    ids = [part.id for part in one.parts if isinstance(part, ToolCall)]
    _require(all(ids), f"{name} has a call without an id")
    _require(len(set(ids)) == len(ids), f"{name} has two calls of one id")
    _require(one.finish_reason == other.finish_reason, f"{name} ended for '{one.finish_reason}'")
    kinds = [
        None if usage is None else (usage.all_input, usage.cache_read_tokens, usage.all_output)
        for usage in (read.usage, answer.usage)
    ]
    _require(kinds[0] == kinds[1], f"{name} was billed {read.usage}")
