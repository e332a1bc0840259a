"""What a client was sent is read in every dialect, whole, streamed, broken off and unreadable."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from entrepot.canonical.fold import unfold
from entrepot.canonical.request import Text, ToolCall
from entrepot.canonical.response import Choice, Response, Usage
from entrepot.dialects.base import Asked
from entrepot.dialects.registry import CLIENT_DIALECTS
from entrepot.errors import LedgerError, ProviderError
from entrepot.ledger.content.answer import open_content, read_sent, settle
from entrepot.ledger.content.record import Kept, Said, Sent
from entrepot.ledger.content.seal import Seals, make_key, read_key
from tests.ledger.content.samples import OPEN, chat_answer, kept, request

ANSWER = Response(
    "r-1",
    "small",
    1,
    (Choice(0, (Text("你好, "), ToolCall("c1", "look_up", '{"a": 1}')), "tool_calls"),),
    Usage(3, output_tokens=2),
)
PLAIN = Response("r-1", "small", 1, (Choice(0, (Text("A port, 港口."),), "stop"),), Usage(3, output_tokens=2))


def sent(dialect: str, response: Response, *, stream: bool) -> Sent:
    """What a client of this dialect is sent for this answer."""
    asked = Asked(request(stream=stream), dialect, {})
    renderer = CLIENT_DIALECTS[dialect].open_renderer(asked, 1)
    return Sent(asked.request, 200, True, renderer.render(unfold(response)))


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("dialect", CLIENT_DIALECTS)
def test_text_is_read_back_in_every_dialect(dialect: str, stream: bool) -> None:
    said = read_sent(sent(dialect, PLAIN, stream=stream), dialect)
    assert said.complete
    assert said.answer is not None
    (choice,) = said.answer.choices
    assert "".join(part.text for part in choice.parts if isinstance(part, Text)) == "A port, 港口."
    assert choice.finish_reason == "stop"


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("dialect", [name for name in CLIENT_DIALECTS if name != "openai-completions"])
def test_a_tool_call_is_read_back(dialect: str, stream: bool) -> None:
    said = read_sent(sent(dialect, ANSWER, stream=stream), dialect)
    assert said.answer is not None
    (call,) = [part for part in said.answer.choices[0].parts if isinstance(part, ToolCall)]
    assert (call.name, msgspec.json.decode(call.arguments)) == ("look_up", {"a": 1})


@pytest.mark.parametrize("dialect", CLIENT_DIALECTS)
def test_of_a_stream_that_broke_off_what_was_delivered_is_there_and_not_called_whole(dialect: str) -> None:
    asked = Asked(request(stream=True), dialect, {})
    renderer = CLIENT_DIALECTS[dialect].open_renderer(asked, 1)
    data = renderer.render(unfold(PLAIN)[:2]) + renderer.break_off(ProviderError("the answer broke off"))
    said = read_sent(Sent(asked.request, 200, True, data), dialect)
    assert not said.complete
    assert said.answer is not None
    (text,) = [part.text for part in said.answer.choices[0].parts if isinstance(part, Text)]
    assert text == "A port, 港口."


def test_a_client_that_left_in_the_midst_has_what_it_was_sent() -> None:
    whole = sent("openai-chat", PLAIN, stream=True)
    cut = msgspec.structs.replace(
        whole, ended=False, answer=whole.answer[: whole.answer.index(b'finish_reason":"stop')]
    )
    said = read_sent(cut, "openai-chat")
    assert not said.complete
    assert said.answer is not None
    assert said.answer.choices[0].finish_reason == "unknown"


def test_an_error_and_what_cannot_be_read_are_kept_as_they_were_sent() -> None:
    failed = read_sent(Sent(request(), 502, True, b'{"error": {}}'), "openai-chat")
    assert (failed.complete, failed.answer, failed.unread) == (False, None, b'{"error": {}}')
    odd = read_sent(Sent(request(), 200, True, b"<html>"), "openai-chat")
    assert (odd.complete, odd.answer, odd.unread) == (False, None, b"<html>")
    nothing = read_sent(Sent(request(), 0, False, b""), "openai-chat")
    assert nothing == Said(request(), 0, complete=False)


@given(st.binary(max_size=300), st.sampled_from(sorted(CLIENT_DIALECTS)), st.booleans())
def test_whatever_was_sent_is_read_or_kept(answer: bytes, dialect: str, stream: bool) -> None:
    said = read_sent(Sent(request(stream=stream), 200, True, answer), dialect)
    assert said.answer is not None or said.unread == (answer or None)


def test_settling_reads_the_answer_and_seals_it_with_the_key_in_use() -> None:
    old, new = (read_key(make_key(), "env:KEY") for _ in range(2))
    settled = settle(kept(seals=Seals(old)), Seals(new, (old,)))
    assert settled.form == "said"
    said = open_content(settled, Seals(new))
    assert said == read_sent(Sent(request(), 200, True, chat_answer()), "openai-chat")
    with pytest.raises(LedgerError, match="names another"):
        open_content(settled, OPEN)


def test_of_what_was_too_long_there_is_nothing_to_read() -> None:
    stub: Kept = msgspec.structs.replace(kept(), form="too_long", body=b"", length=0)
    assert open_content(stub, OPEN) is None
    assert settle(stub, OPEN) is stub
