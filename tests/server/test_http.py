from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from entrepot.errors import BodyTimeout, BodyTooLarge, InvalidRequest
from entrepot.server.http import (
    ClientDisconnected,
    Receive,
    answer,
    discard_body,
    end_answer,
    has_body,
    headers_of,
    read_body,
)

GONE = {"type": "http.disconnect"}


def piece(body: bytes, more: bool = False) -> dict[str, Any]:
    return {"type": "http.request", "body": body, "more_body": more}


def saying(*messages: dict[str, Any]) -> Receive:
    """Says these, then nothing more for ever."""
    left = list(messages)

    async def receive() -> dict[str, Any]:
        if not left:
            await asyncio.Event().wait()
        return left.pop(0)

    return receive


async def read(*messages: dict[str, Any], headers: Sequence[tuple[bytes, bytes]] = (), limit: int = 10) -> bytes:
    return await read_body(saying(*messages), dict(headers), limit, 0.05)


async def test_a_body_is_its_pieces() -> None:
    assert await read(piece(b"ab", more=True), piece(b"", more=True), piece("模".encode())) == "ab模".encode()


async def test_a_body_up_to_the_limit_is_taken() -> None:
    assert await read(piece(b"x" * 5, more=True), piece(b"x" * 5)) == b"x" * 10


async def test_a_body_over_the_limit_is_refused_by_what_it_says_or_by_what_it_is() -> None:
    with pytest.raises(BodyTooLarge, match="11 bytes long"):
        await read(headers=[(b"content-length", b"11")])
    with pytest.raises(BodyTooLarge, match="longer than the limit of 10"):
        await read(piece(b"x" * 6, more=True), piece(b"x" * 5, more=True))


async def test_a_body_that_does_not_come_is_not_waited_for() -> None:
    with pytest.raises(BodyTimeout):
        await read(piece(b"x", more=True))


async def test_a_coded_body_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="content-encoding"):
        await read(piece(b"x"), headers=[(b"content-encoding", b"gzip")])
    assert await read(piece(b"x"), headers=[(b"content-encoding", b"Identity")]) == b"x"


async def test_a_client_that_leaves_is_noticed() -> None:
    with pytest.raises(ClientDisconnected):
        await read(piece(b"x", more=True), GONE)


def test_of_a_repeated_header_the_first_counts() -> None:
    assert headers_of({"headers": [(b"a", b"1"), (b"b", b"2"), (b"a", b"3")]}) == {b"a": b"1", b"b": b"2"}


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, False),
        ({b"content-length": b"0"}, False),
        ({b"content-length": b"7"}, True),
        ({b"transfer-encoding": b"chunked"}, True),
    ],
)
def test_whether_there_is_a_body_is_in_the_headers(headers: dict[bytes, bytes], expected: bool) -> None:
    assert has_body(headers) is expected


@pytest.mark.parametrize("last", [piece(b"x"), GONE])
async def test_an_unwanted_body_is_read_to_its_end(last: dict[str, Any]) -> None:
    receive = saying(piece(b"x" * 100, more=True), last, piece(b"not this"))
    await discard_body(receive, 5)
    assert (await receive())["body"] == b"not this"


async def test_an_unwanted_body_is_not_read_for_ever() -> None:
    await asyncio.wait_for(discard_body(saying(piece(b"x", more=True)), 0.01), 5)


async def test_an_answer_may_be_whole_before_its_end() -> None:
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    await answer(send, 413, ((b"a", b"b"),), b"no", end=False)
    await end_answer(send)
    assert sent[0]["headers"] == [(b"a", b"b"), (b"content-length", b"2")]
    assert [(message["body"], message.get("more_body", False)) for message in sent[1:]] == [(b"no", True), (b"", False)]


def test_tags_sent_in_two_lines_are_all_kept() -> None:
    scope = {"headers": [(b"x-entrepot-tags", b"a"), (b"accept", b"*/*"), (b"x-entrepot-tags", b"b, c")]}
    assert headers_of(scope)[b"x-entrepot-tags"] == b"a,b, c"
