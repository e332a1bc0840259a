"""Many requests over real HTTP to an OpenAI-compatible address, and what came back.

Rules of this file: the client is written here, on asyncio streams, and shares nothing with `upstream`, so that what it
measures and reads was not understood twice by the same code. Times are milliseconds on the client's clock.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

import msgspec

_LIMIT_BYTES = 16 * 1024 * 1024


class Ask(msgspec.Struct, frozen=True):
    """One request to send: `id` comes back with the result; `headers` are sent besides the usual ones."""

    id: str
    model: str
    prompt: str
    stream: bool = False
    headers: dict[str, str] = {}
    extra: dict[str, Any] = {}


class Got(msgspec.Struct, frozen=True):
    """What came back. `status` is 0 if the call failed before a head, and then `error` says how.

    `headers` are the answer's, in lower case. `usage` is the last that the answer reported. `first_token_ms` is None unless
    it was a stream with text in it. `whole` says that the answer came to its proper end.
    """

    id: str
    model: str
    status: int
    text: str
    headers: dict[str, str]
    duration_ms: float
    whole: bool = False
    first_token_ms: float | None = None
    usage: dict[str, Any] | None = None
    error: str = ""

    @property
    def ok(self) -> bool:
        """Whether it is a whole answer."""
        return self.status == 200 and self.whole


async def run_workload(
    base_url: str,
    asks: Sequence[Ask],
    *,
    key: str | None = None,
    concurrency: int = 16,
    timeout_s: float = 120.0,
    progress: Callable[[Got], None] | None = None,
) -> list[Got]:
    """Send every ask to `base_url` (it ends in `/v1`), at most `concurrency` at once; results in the order of `asks`."""
    results: list[Got | None] = [None] * len(asks)
    numbers = iter(range(len(asks)))

    async def work() -> None:
        client = _Client(base_url, key)
        try:
            for number in numbers:
                got = await _send(client, asks[number], timeout_s)
                results[number] = got
                if progress is not None:
                    progress(got)
        finally:
            client.close()

    async with asyncio.TaskGroup() as group:
        for _ in range(max(1, min(concurrency, len(asks)))):
            group.create_task(work())
    return [got for got in results if got is not None]


async def _send(client: _Client, ask: Ask, timeout_s: float) -> Got:
    started = time.perf_counter()
    try:
        async with asyncio.timeout(timeout_s):
            return await client.send(ask)
    except (OSError, EOFError, ValueError, TimeoutError, asyncio.LimitOverrunError) as error:
        client.close()
        duration_ms = (time.perf_counter() - started) * 1000
        return Got(ask.id, ask.model, 0, "", {}, duration_ms, error=f"{type(error).__name__}: {error}")


class _Client:
    """One keep-alive connection, one request at a time."""

    def __init__(self, base_url: str, key: str | None) -> None:
        parts = urlsplit(base_url)
        self._host, self._port = parts.hostname or "127.0.0.1", parts.port or 80
        self._path = f"{parts.path.rstrip('/')}/chat/completions"
        self._key = key
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def send(self, ask: Ask) -> Got:
        started = time.perf_counter()
        if self._streams is None:
            self._streams = await asyncio.open_connection(self._host, self._port, limit=_LIMIT_BYTES)
        reader, writer = self._streams
        writer.write(self._request(ask))
        await writer.drain()
        status, headers = await _read_head(reader)
        reading = _Reading(started)
        if "text/event-stream" in headers.get("content-type", ""):
            async for piece in _body(reader, headers):
                reading.take_stream(piece)
            whole = reading.ended
        else:
            reading.take_whole(b"".join([piece async for piece in _body(reader, headers)]))
            whole = True
        if headers.get("connection", "").lower() == "close":
            self.close()
        return Got(
            id=ask.id,
            model=ask.model,
            status=status,
            text="".join(reading.text),
            headers=headers,
            duration_ms=(time.perf_counter() - started) * 1000,
            whole=whole and not reading.error,
            first_token_ms=reading.first_token_ms,
            usage=reading.usage,
            error=reading.error,
        )

    def _request(self, ask: Ask) -> bytes:
        body: dict[str, Any] = {"model": ask.model, "messages": [{"role": "user", "content": ask.prompt}], **ask.extra}
        if ask.stream:
            body |= {"stream": True, "stream_options": {"include_usage": True}}
        encoded = msgspec.json.encode(body)
        headers: dict[str, str] = {
            "host": f"{self._host}:{self._port}",
            "content-type": "application/json",
            "content-length": str(len(encoded)),
            **ask.headers,
        }
        if self._key is not None:
            headers["authorization"] = f"Bearer {self._key}"
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        return f"POST {self._path} HTTP/1.1\r\n{lines}\r\n".encode("latin-1") + encoded

    def close(self) -> None:
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None


class _Reading:
    """An answer being read."""

    def __init__(self, started: float) -> None:
        self._started = started
        self._rest = b""
        self.text: list[str] = []
        self.usage: dict[str, Any] | None = None
        self.first_token_ms: float | None = None
        self.ended = False
        self.error = ""

    def take_whole(self, body: bytes) -> None:
        self._take(msgspec.json.decode(body), "message")

    def take_stream(self, piece: bytes) -> None:
        *lines, self._rest = (self._rest + piece).split(b"\n")
        for line in lines:
            data = line.strip()
            if data == b"data: [DONE]":
                self.ended = True
            elif data.startswith(b"data:"):
                self._take(msgspec.json.decode(data[5:]), "delta")

    def _take(self, value: Mapping[str, Any], field: str) -> None:
        if value.get("error"):
            self.error = msgspec.json.encode(value["error"]).decode()
        self.usage = value.get("usage") or self.usage
        for choice in value.get("choices") or ():
            text = (choice.get(field) or {}).get("content")
            if text:
                self.text.append(text)
                if field == "delta" and self.first_token_ms is None:
                    self.first_token_ms = (time.perf_counter() - self._started) * 1000


async def _read_head(reader: asyncio.StreamReader) -> tuple[int, dict[str, str]]:
    while True:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        status = int(head[0].split(" ", 2)[1])
        pairs = (line.partition(":") for line in head[1:] if line)
        headers = {name.strip().lower(): value.strip() for name, _, value in pairs}
        if status >= 200:
            return status, headers


async def _body(reader: asyncio.StreamReader, headers: Mapping[str, str]) -> AsyncIterator[bytes]:
    if headers.get("transfer-encoding", "").lower() == "chunked":
        while size := int((await reader.readline()).split(b";")[0], 16):
            yield await reader.readexactly(size)
            await reader.readexactly(2)
        await reader.readuntil(b"\r\n")
    elif "content-length" in headers:
        yield await reader.readexactly(int(headers["content-length"]))
    else:
        yield await reader.read()
