from __future__ import annotations

import asyncio

from entrepot.server.http import Message, answer_early

PIECE: Message = {"type": "http.request", "body": b"x" * 1000, "more_body": True}


class Wire:
    """What the server sent, and messages that the client still sends; then silence."""

    def __init__(self, *messages: Message) -> None:
        self.sent: list[Message] = []
        self.coming = list(messages)

    async def send(self, message: Message) -> None:
        self.sent.append(message)

    async def receive(self) -> Message:
        if not self.coming:
            await asyncio.Event().wait()
        return self.coming.pop(0)


async def test_an_early_answer_is_sent_whole_before_the_rest_of_the_body_is_read() -> None:
    wire = Wire(PIECE, PIECE, {"type": "http.request", "body": b"end", "more_body": False}, PIECE)
    await answer_early(wire.send, wire.receive, 413, ((b"connection", b"close"),), b"too large")
    head, body, end = wire.sent
    assert head["headers"] == [(b"connection", b"close"), (b"content-length", b"9")]
    assert (body["body"], body["more_body"]) == (b"too large", True)
    assert end == {"type": "http.response.body", "body": b""}
    assert wire.coming == [PIECE]


async def test_a_client_that_leaves_after_an_early_answer_is_not_waited_for() -> None:
    wire = Wire(PIECE, {"type": "http.disconnect"})
    await answer_early(wire.send, wire.receive, 413, (), b"")
    assert wire.coming == []
    assert wire.sent[-1]["body"] == b""


async def test_a_body_without_an_end_is_not_read_for_ever() -> None:
    endless: Message = {"type": "http.request", "body": b"x" * 64 * 1024 * 1024, "more_body": True}
    wire = Wire(*[endless] * 10)
    await answer_early(wire.send, wire.receive, 413, (), b"")
    assert len(wire.coming) == 6
