from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
import pytest

from entrepot.canonical.fold import unfold
from entrepot.canonical.request import Text
from entrepot.canonical.response import Choice, Response, Usage
from entrepot.dialects.base import Envelope
from entrepot.dialects.registry import CLIENT_PATHS
from entrepot.exchange.commands import SendHead
from entrepot.server.witness import MOST_BYTES, Witness
from tests.exchange.transcript import candidate, plan_for

SAID = [{"role": "user", "content": "hi"}]
ASKED: dict[str, dict[str, Any]] = {
    "/v1/chat/completions": {"model": "auto", "messages": SAID},
    "/v1/responses": {"model": "auto", "input": "hi"},
    "/v1/messages": {"model": "auto", "messages": SAID, "max_tokens": 100},
    "/v1beta/models/": {"contents": [{"role": "user", "parts": [{"text": "hi"}]}]},
}
WHOLE = Response("r1", "small", 7, (Choice(0, (Text("Der Rat 忠告"),), "stop"),), Usage(1, output_tokens=2))


class Listener:
    """A client that keeps what it is sent."""

    def __init__(self) -> None:
        self.sent = b""
        self.gone: Callable[[], None] | None = None

    def send(self, head: SendHead | None, data: bytes, end: bool) -> Awaitable[None] | None:
        self.sent += data
        return None

    def on_gone(self, call: Callable[[], None] | None) -> None:
        self.gone = call


def witness(
    client: Listener, path: str = "/v1/chat/completions", *, stream: bool = False, reads: bool = True
) -> Witness:
    dialect = CLIENT_PATHS[path]
    full, query = path, ""
    body = dict(ASKED.get(path, {"model": "auto", "prompt": "hi"}))
    if path.endswith("/"):
        full, query = (
            f"{path}auto:{'streamGenerateContent' if stream else 'generateContent'}",
            "alt=sse" if stream else "",
        )
    elif stream:
        body["stream"] = True
    asked = dialect.parse_request(json.dumps(body).encode(), Envelope(full, query))
    plan = msgspec.structs.replace(plan_for(candidate("a/m")), asked=asked, client=dialect)
    return Witness(client, plan, (), judged=False, reads=reads)


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("path", ASKED)
def test_what_a_client_is_sent_is_read_in_every_dialect(path: str, stream: bool) -> None:
    client = Listener()
    seen = witness(client, path, stream=stream)
    renderer = seen.plan.client.open_renderer(seen.plan.asked, 7)
    for event in unfold(WHOLE):
        data = renderer.render([event])
        for at in range(0, len(data), 5):
            seen.send(None, data[at : at + 5], False)
    response = seen.response()
    assert response is not None
    (choice,) = response.choices
    assert [part.text for part in choice.parts if isinstance(part, Text)] == ["Der Rat 忠告"]
    assert choice.finish_reason == "stop"
    assert len(client.sent) == seen.size > 0


def test_what_is_not_whole_is_not_read() -> None:
    seen = witness(Listener(), stream=True)
    renderer = seen.plan.client.open_renderer(seen.plan.asked, 7)
    assert seen.response() is None
    seen.send(None, renderer.render(unfold(WHOLE)[:-3]), False)
    assert seen.response() is None


def test_a_dialect_that_no_provider_speaks_is_not_read() -> None:
    seen = witness(Listener(), "/v1/completions")
    seen.send(None, seen.plan.client.open_renderer(seen.plan.asked, 7).render(unfold(WHOLE)), True)
    assert seen.response() is None


def test_what_is_too_long_goes_on_and_is_let_go_of() -> None:
    client = Listener()
    seen = witness(client)
    seen.send(None, b"x" * MOST_BYTES, False)
    assert seen.size == MOST_BYTES
    seen.send(None, b"x", True)
    assert seen.too_long
    assert seen.response() is None
    assert len(client.sent) == MOST_BYTES + 1


def test_where_nothing_is_to_be_read_nothing_is_kept() -> None:
    client = Listener()
    seen = witness(client, reads=False)
    seen.on_gone(print)
    seen.send(None, b"data", True)
    assert (client.sent, client.gone, seen.size, seen.response()) == (b"data", print, 0, None)
