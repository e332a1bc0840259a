"""Requests that two readers could take in two ways (RFC 9112, 11.2): what stands hidden in one is never served as another.

A proxy in front may read the one end of a body and the gateway the other; whatever leaves room for that is refused, and the
connection closed.
"""

from __future__ import annotations

import asyncio
import contextlib
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from entrepot.errors import EntrepotError
from entrepot.server.connection import ConnectionLimits
from entrepot.server.http import ClientDisconnected, Receive, Scope, Send, answer, read_body
from tests.server.talk import talk

HIDDEN = b"GET /hidden HTTP/1.1\r\nhost: x\r\n\r\n"
QUICK = ConnectionLimits(head_timeout_s=0.3, stalled_s=0.3)


def post(*headers: bytes, body: bytes = b"", line: bytes = b"POST /chat HTTP/1.1") -> bytes:
    return b"\r\n".join([line, b"host: x", *headers, b"", body])


LENGTH = b"content-length: %d" % len(HIDDEN)
CHUNKED = b"transfer-encoding: chunked"
NONE = b"0\r\n\r\n"

DOUBTFUL: dict[str, bytes] = {
    "a length and chunks": post(LENGTH, CHUNKED, body=NONE + HIDDEN),
    "chunks and a length": post(CHUNKED, LENGTH, body=NONE + HIDDEN),
    "two lengths": post(b"content-length: 0", LENGTH, body=HIDDEN),
    "two lengths in one": post(b"content-length: 0, %d" % len(HIDDEN), body=HIDDEN),
    "a length with a sign": post(b"content-length: +%d" % len(HIDDEN), body=HIDDEN),
    "a negative length": post(b"content-length: -1", body=HIDDEN),
    "a length in hex": post(b"content-length: 0x22", body=HIDDEN),
    "a length beyond every number": post(b"content-length: 99999999999999999999999", body=HIDDEN),
    "a length with a space in it": post(b"content-length: 1 2", body=HIDDEN),
    "a name with a space behind it": post(b"transfer-encoding : chunked", LENGTH, body=NONE + HIDDEN),
    "a name with a tab before it": post(b"\ttransfer-encoding: chunked", LENGTH, body=NONE + HIDDEN),
    "a folded header": post(b"x: y", b" transfer-encoding: chunked", LENGTH, body=NONE + HIDDEN),
    "a coding that is nearly chunked": post(b"transfer-encoding: xchunked", LENGTH, body=NONE + HIDDEN),
    "a coding that is not the last": post(b"transfer-encoding: chunked, identity", body=NONE + HIDDEN),
    "a coding that nobody decodes": post(b"transfer-encoding: gzip, chunked", body=NONE + HIDDEN),
    "the same in two headers": post(b"transfer-encoding: gzip", CHUNKED, body=NONE + HIDDEN),
    "two codings": post(CHUNKED, b"transfer-encoding: identity", LENGTH, body=NONE + HIDDEN),
    "a coding with a control before it": post(b"transfer-encoding: \x0bchunked", LENGTH, body=NONE + HIDDEN),
    "NUL in a header": post(b"x: a\0b", LENGTH, body=HIDDEN),
    "a bare CR in a header": post(b"x: a\rtransfer-encoding: chunked", LENGTH, body=NONE + HIDDEN),
    "a chunk whose size overflows": post(CHUNKED, body=b"ffffffffffffffffff\r\n" + HIDDEN),
    "a chunk with a negative size": post(CHUNKED, body=b"-1\r\n" + HIDDEN),
    "a chunk with a size in 0x": post(CHUNKED, body=b"0x0\r\n\r\n" + HIDDEN),
    "a chunk that is longer than it says": post(CHUNKED, body=b"1\r\nab\r\n" + NONE + HIDDEN),
}


class Application:
    """Remembers what it was asked for."""

    def __init__(self) -> None:
        self.paths: list[str] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.paths.append(scope["path"])
        with contextlib.suppress(
            ClientDisconnected, EntrepotError
        ):  # what was doubtful may end in the midst of its body
            await answer(send, 200, (), await read_body(receive, dict(scope["headers"]), 10**6, 0.5))


async def served(data: bytes) -> tuple[list[str], bytes]:
    """The paths that were served for these bytes, and all that was said."""
    application = Application()
    async with talk(application, QUICK) as client:
        client.say(data)
        client.writer.write_eof()
        said = await client.rest()
    return application.paths, said


@pytest.mark.parametrize("name", DOUBTFUL)
async def test_what_is_doubtful_is_refused_and_what_it_hides_never_served(name: str) -> None:
    paths, said = await served(DOUBTFUL[name])
    assert "/hidden" not in paths
    statuses = re.findall(rb"HTTP/1\.1 (\d+)", said)
    assert [status for status in statuses if status != b"400"] == []


async def test_two_requests_of_which_nothing_is_doubtful_are_two() -> None:
    paths, said = await served(post(b"content-length: 2", body=b"ab") + HIDDEN)
    assert paths == ["/chat", "/hidden"]
    assert said.count(b"HTTP/1.1 200") == 2


@given(
    st.lists(
        st.sampled_from([LENGTH, b"content-length: 0", CHUNKED, b"te: trailers"]),
        max_size=4,
    ),
    st.sampled_from([HIDDEN, NONE + HIDDEN, b"5\r\nhello\r\n" + NONE + HIDDEN]),
)
def test_a_request_is_never_two_unless_its_framing_says_so_in_one_way(headers: list[bytes], body: bytes) -> None:
    paths, _ = asyncio.run(served(post(*headers, body=body)))
    framing = {header for header in headers if not header.startswith(b"te:")}
    if len(framing) > 1:
        assert "/hidden" not in paths
