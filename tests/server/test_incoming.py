"""How an answer is framed, over a wire that keeps what it is given."""

from __future__ import annotations

from collections.abc import Awaitable

import pytest

from entrepot.errors import Defect
from entrepot.exchange.commands import SendHead
from entrepot.server.http import EXTENSION, Receive, Scope, Send
from entrepot.server.incoming import JOINED_BYTES, Incoming


class Kept:
    """A wire that keeps what is written to it."""

    def __init__(self) -> None:
        self.written: list[bytes] = []
        self.closing = False
        self.done = 0
        self.default_headers = [(b"date", b"today")]

    def write(self, data: bytes) -> None:
        self.written.append(data)

    def room(self) -> Awaitable[None] | None:
        return None

    def read_on(self) -> None: ...

    def close(self) -> None:
        self.closing = True

    def answered(self, incoming: Incoming) -> None:
        assert incoming.response_complete
        self.done += 1


def incoming(
    wire: Kept, *, keep_alive: bool = True, is_head: bool = False, is_old: bool = False, expects_continue: bool = False
) -> Incoming:
    return Incoming(wire, keep_alive=keep_alive, is_head=is_head, is_old=is_old, expects_continue=expects_continue)


def test_a_whole_answer_leaves_in_one_write() -> None:
    wire = Kept()
    incoming(wire).send(SendHead(200, ((b"content-length", b"2"),)), b"hi", end=True)
    assert wire.written == [b"HTTP/1.1 200 OK\r\ndate: today\r\ncontent-length: 2\r\n\r\nhi"]
    assert wire.done == 1
    assert not wire.closing


def test_a_long_body_is_not_copied_to_its_head() -> None:
    wire, body = Kept(), b"x" * (JOINED_BYTES + 1)
    incoming(wire).send(SendHead(200, ((b"content-length", b"%d" % len(body)),)), body, end=True)
    assert wire.written[1] == body


def test_what_has_no_length_is_chunked_and_its_head_leaves_with_the_first_chunk() -> None:
    wire = Kept()
    answering = incoming(wire)
    answering.send(SendHead(200, ()), b"one", end=False)
    answering.send(None, b"", end=False)  # an empty chunk would be the end
    answering.send(None, b"two", end=True)
    assert wire.written[0].endswith(b"transfer-encoding: chunked\r\n\r\n3\r\none\r\n")
    assert wire.written[1:] == [b"3\r\ntwo\r\n0\r\n\r\n"]


def test_to_an_old_client_the_body_ends_with_the_connection() -> None:
    wire = Kept()
    incoming(wire, keep_alive=False, is_old=True).send(SendHead(200, ()), b"hi", end=True)
    assert wire.written[0].endswith(b"connection: close\r\n\r\nhi")
    assert wire.closing


@pytest.mark.parametrize(("status", "is_head"), [(200, True), (204, False), (304, False)])
def test_an_answer_that_has_no_body_gets_none(status: int, is_head: bool) -> None:
    wire = Kept()
    incoming(wire, is_head=is_head).send(SendHead(status, ()), b"body", end=True)
    (written,) = wire.written
    assert written.endswith(b"\r\n\r\n")
    assert b"transfer-encoding" not in written
    assert wire.done == 1


def test_an_answer_may_ask_for_the_connections_end() -> None:
    wire = Kept()
    incoming(wire).send(SendHead(200, ((b"connection", b"close"), (b"content-length", b"0"))), b"", end=True)
    assert wire.closing
    assert wire.written[0].count(b"connection: close") == 1


@pytest.mark.parametrize("body", [b"toolong", b"no"])
def test_a_body_of_another_length_than_its_head_says_is_a_defect(body: bytes) -> None:
    with pytest.raises(Defect, match="as long as its head says"):
        incoming(Kept()).send(SendHead(200, ((b"content-length", b"3"),)), body, end=True)


@pytest.mark.parametrize("value", [b"a\r\nset-cookie: b", b"a\nb", b"a\r\n\r\nb"])
def test_a_header_cannot_begin_another(value: bytes) -> None:
    wire = Kept()
    with pytest.raises(Defect, match="line end"):
        incoming(wire).send(SendHead(200, ((b"x", value),)), b"", end=True)
    assert wire.written == []


def test_nothing_is_sent_to_a_client_that_has_gone_and_who_wants_to_know_is_told() -> None:
    wire, told = Kept(), list[str]()
    answering = incoming(wire)
    answering.on_gone(lambda: told.append("first"))
    answering.on_gone(lambda: told.append("second"))  # in place of it
    answering.lose()
    answering.send(SendHead(200, ()), b"hi", end=True)
    assert told == ["second"]
    assert wire.written == []
    answering.on_gone(lambda: told.append("late"))
    assert told == ["second", "late"]


def test_who_leaves_after_the_answer_tells_nobody() -> None:
    told = list[str]()
    answering = incoming(Kept())
    answering.on_gone(lambda: told.append("gone"))
    answering.send(SendHead(200, ()), b"hi", end=True)
    answering.lose()
    assert told == []


def test_a_body_is_at_hand_once_all_of_it_came() -> None:
    asking = incoming(Kept())
    asking.feed(b"a")
    assert asking.whole_body() is None
    asking.feed(b"b")
    asking.end()
    assert asking.whole_body() == b"ab"


async def test_who_waits_to_be_told_to_go_on_is_told_when_the_body_is_wanted() -> None:
    wire = Kept()
    asking = incoming(wire, expects_continue=True)
    asking.feed(b"late")
    asking.end()
    assert (await asking.receive())["body"] == b"late"
    assert wire.written == [b"HTTP/1.1 100 Continue\r\n\r\n"]


async def test_an_application_that_fails_costs_an_answer_and_one_that_fails_midway_the_connection() -> None:
    async def fails(scope: Scope, receive: Receive, send: Send) -> None:
        assert scope["extensions"][EXTENSION] is not None
        raise RuntimeError("a defect")

    async def fails_midway(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"half", "more_body": True})
        raise RuntimeError("a defect")

    wire = Kept()
    await incoming(wire).run(fails, {})
    assert wire.written[0].startswith(b"HTTP/1.1 500 ")
    assert wire.written[0].endswith(b"Internal Server Error\r\n0\r\n\r\n")
    wire = Kept()
    await incoming(wire).run(fails_midway, {})
    assert wire.closing
    assert wire.written[-1].endswith(b"4\r\nhalf\r\n")
