"""Answers as providers and what stands before them send them, whole and broken: what any HTTP client has to have an opinion on.

An entry is the bytes of the answer, and how the connection ends after them.
"""

from __future__ import annotations

import gzip
from typing import Literal

import msgspec

Ending = Literal["stays", "closes", "resets"]

OK = b"HTTP/1.1 200 OK\r\n"
JSON = b'{"choices":[{"message":{"content":"\xe5\xa5\xbd"}}]}'
EVENTS = b'data: {"a":1}\n\ndata: {"b":2}\n\ndata: [DONE]\n\n'
CHUNKED = OK + b"transfer-encoding: chunked\r\n\r\n"


class Case(msgspec.Struct, frozen=True):
    """One answer. `why` says for what reason our verdict may differ from other clients'; empty: it may not."""

    data: bytes
    ends: Ending = "stays"
    why: str = ""


def sized(body: bytes, declared: int | None = None, status: bytes = b"200 OK", headers: bytes = b"") -> bytes:
    length = len(body) if declared is None else declared
    return b"HTTP/1.1 %b\r\n%bcontent-length: %d\r\n\r\n%b" % (status, headers, length, body)


def chunked(*pieces: bytes, end: bytes = b"0\r\n\r\n", headers: bytes = b"") -> bytes:
    chunks = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces)
    return OK + headers + b"transfer-encoding: chunked\r\n\r\n" + chunks + end


GZIPPED = gzip.compress(JSON)
DOUBT = "two readers could take it in two ways, and the next answer on the connection would be read from the wrong byte"

CORPUS: dict[str, Case] = {
    "whole": Case(sized(JSON)),
    "a stream": Case(chunked(*EVENTS.splitlines(keepends=True))),
    "every byte a chunk": Case(chunked(*(EVENTS[n : n + 1] for n in range(len(EVENTS))))),
    "until close": Case(OK + b"\r\n" + JSON, "closes"),
    "HTTP/1.0": Case(b"HTTP/1.0 200 OK\r\n\r\n" + JSON, "closes"),
    "after hints": Case(b"HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n" + sized(JSON)),
    "after continue": Case(b"HTTP/1.1 100 Continue\r\n\r\n" + sized(JSON)),
    "no content": Case(b"HTTP/1.1 204 No Content\r\n\r\n"),
    "gzip": Case(sized(GZIPPED, headers=b"content-encoding: gzip\r\n")),
    "gzip in chunks": Case(chunked(GZIPPED[:9], GZIPPED[9:], headers=b"content-encoding: gzip\r\n")),
    "trailers": Case(chunked(EVENTS, end=b"0\r\nx-sum: 1\r\n\r\n")),
    "chunk extensions": Case(CHUNKED + b"5;a=b\r\nhello\r\n0\r\n\r\n"),
    "upper-case length of a chunk": Case(CHUNKED + b"A\r\n0123456789\r\n0\r\n\r\n"),
    "no reason": Case(b"HTTP/1.1 200\r\ncontent-length: 2\r\n\r\n{}"),
    "a line of ten megabytes": Case(sized(b'{"x":"' + b"x" * 10_000_000 + b'"}')),
    **{
        f"status {status}": Case(sized(b'{"error":{"message":"no"}}', status=b"%d Oh" % status))
        for status in (400, 401, 402, 403, 404, 408, 413, 422, 429, 500, 502, 503, 504, 529)
    },
    **{
        f"429 with {form.decode()}": Case(sized(b"{}", status=b"429 Slow", headers=form + b"\r\n"))
        for form in (
            b"retry-after: 7",
            b"retry-after: Wed, 21 Oct 2065 07:28:00 GMT",
            b"retry-after-ms: 1500",
            b"x-ratelimit-reset-requests: 6m0s",
        )
    },
    "nothing": Case(b"", "closes"),
    "reset before anything": Case(b"", "resets"),
    "half a head": Case(b"HTTP/1.1 200 OK\r\ncontent-le", "closes"),
    "no body where one was declared": Case(sized(b"", 10), "closes"),
    "short of its length": Case(sized(JSON, len(JSON) + 10), "closes"),
    "reset in the body": Case(sized(JSON, len(JSON) + 10), "resets"),
    "half a chunk": Case(CHUNKED + b"a\r\nhello", "closes"),
    "no last chunk": Case(CHUNKED + b"5\r\nhello\r\n", "closes"),
    "no end after the last chunk": Case(
        CHUNKED + b"5\r\nhello\r\n0\r\n",
        "closes",
        why="h11 and aiohttp differ here too; a message without its end may be one that was cut",
    ),
    "no HTTP": Case(b"SSH-2.0-OpenSSH_9.6\r\n\r\n", "closes"),
    "a page of no server": Case(b"<html>502</html>", "closes"),
    "a chunk that is none": Case(CHUNKED + b"zz\r\nhello\r\n0\r\n\r\n", "closes"),
    "gzip that is none": Case(sized(b"not gzip", headers=b"content-encoding: gzip\r\n")),
    "gzip that ends early": Case(
        sized(GZIPPED[:-12], headers=b"content-encoding: gzip\r\n"),
        why="other clients hand on what could be decoded; half of an answer is none",
    ),
    "two lengths": Case(OK + b"content-length: 5\r\ncontent-length: 6\r\n\r\nhello!", "closes"),
    "a length and chunks": Case(
        OK + b"content-length: 3\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", why=DOUBT
    ),
    "a length that is none": Case(OK + b"content-length: 5x\r\n\r\nhello", "closes"),
    "a negative length": Case(OK + b"content-length: -5\r\n\r\nhello", "closes"),
    "longer than its length": Case(
        sized(JSON, len(JSON) - 10),
        "closes",
        why="it is complete by its own framing; what follows is nobody's, so the connection is not used again",
    ),
    "a space before the colon": Case(OK + b"content-length : 2\r\n\r\n{}", "closes", why=DOUBT),
    "a folded header": Case(
        OK + b"x: a\r\n b\r\ncontent-length: 2\r\n\r\n{}", why="RFC 9112 5.2 deprecates it: " + DOUBT
    ),
    "bare line feeds": Case(b"HTTP/1.1 200 OK\ncontent-length: 2\n\n{}", "closes", why=DOUBT),
    "NUL in a header": Case(OK + b"x: a\0b\r\ncontent-length: 2\r\n\r\n{}", "closes"),
    "another transfer coding": Case(
        OK + b"transfer-encoding: gzip, chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        why="codings other than chunked are not asked for, and not decoded",
    ),
    "HTTP/2 in the status line": Case(b"HTTP/2.0 200 OK\r\ncontent-length: 2\r\n\r\n{}", "closes", why=DOUBT),
    "switching protocols": Case(
        b"HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n",
        "closes",
        why="nobody asked for it, so it is no answer; others hand on a status without a body",
    ),
    "status 999": Case(
        b"HTTP/1.1 999 What\r\ncontent-length: 2\r\n\r\n{}", why="a status that no specification knows is no answer"
    ),
    "a head of a megabyte": Case(
        OK + b"x: " + b"x" * 1_000_000 + b"\r\ncontent-length: 2\r\n\r\n{}",
        "closes",
        why="each client has a limit of its own; ours is 64 KiB",
    ),
}
