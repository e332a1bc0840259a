"""A provider of streams, and the clients that read them: two small programs without any of the gateway's code.

    streaming.py provide PORT                 serves streams until it is ended
    streaming.py read PORT STREAMS MODEL KEY PATH CHUNKS INTERVAL_S
                                              opens so many at once, reads them to their end, prints what it saw as JSON

How long a stream is stands in its first message: "COUNT INTERVAL_S". Every chunk is a write of its own and holds the time at
which it was written (both programs run on one machine and its one clock), so that a reader knows how long it was under way.
"""

from __future__ import annotations

import asyncio
import json
import re
import resource
import sys
import time
from typing import cast

HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
ASKED = re.compile(rb'"(?:content|text)": ?"(\d+) ([\d.]+)"')
WRITTEN = re.compile(rb"@([\d.]+)@")
TIME_LIMIT_S = 600.0


def chunk(delta: dict[str, str], finish: str | None = None) -> bytes:
    """One chunk of a chat completion, about 200 bytes."""
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    body = {
        "id": "chatcmpl-fixed",
        "object": "chat.completion.chunk",
        "created": 1_760_000_000,
        "model": "fixed",
        "choices": [choice],
    }
    return framed(json.dumps(body, separators=(",", ":")).encode())


def framed(data: bytes) -> bytes:
    """An event of the stream as one chunk of the transfer."""
    event = b"data: " + data + b"\n\n"
    return b"%x\r\n%b\r\n" % (len(event), event)


USAGE = framed(
    b'{"id":"chatcmpl-fixed","object":"chat.completion.chunk","created":1760000000,"model":"fixed","choices":[],'
    b'"usage":{"prompt_tokens":20,"completion_tokens":200,"total_tokens":220}}'
)
END = chunk({}, "stop") + USAGE + framed(b"[DONE]") + b"0\r\n\r\n"


class Provider(asyncio.Protocol):
    """Answers each request with a stream; what a request says beside its length is passed over."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Called by the loop."""
        self._transport = cast("asyncio.WriteTransport", transport)  # uvloop's are no subclass of it
        self._heard = b""

    def data_received(self, data: bytes) -> None:
        """Called by the loop."""
        self._heard += data
        head, found, body = self._heard.partition(b"\r\n\r\n")
        length = re.search(rb"content-length: *(\d+)", head, re.IGNORECASE)
        if not found or length is None or len(body) < int(length[1]):
            return
        self._heard = b""
        asked = ASKED.search(body)
        count, interval_s = (int(asked[1]), float(asked[2])) if asked else (1, 0.0)
        self._write(HEAD)
        self._say(count, interval_s)

    def _say(self, left: int, interval_s: float) -> None:
        if not left:
            self._write(END)
            return
        self._write(chunk({"content": f" @{time.monotonic():.6f}@"}))
        asyncio.get_running_loop().call_later(interval_s, self._say, left - 1, interval_s)

    def _write(self, data: bytes) -> None:
        if not self._transport.is_closing():
            self._transport.write(data)


class Reader(asyncio.Protocol):
    """Reads one stream. Notes how long chunks were under way, and the longest silence between two."""

    def __init__(self, request: bytes) -> None:
        self._request = request
        self.over: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self.delays_s: list[float] = []
        self.longest_gap_s = 0.0
        self.chunks = 0
        self._last_s = 0.0
        self._tail = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Called by the loop."""
        self._transport = cast("asyncio.WriteTransport", transport)  # as above
        self._transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        """Called by the loop."""
        now_s = time.monotonic()
        for written in WRITTEN.findall(data):
            self.chunks += 1
            self.delays_s.append(now_s - float(written))
            if self._last_s:
                self.longest_gap_s = max(self.longest_gap_s, now_s - self._last_s)
            self._last_s = now_s
        self._tail = (self._tail + data)[-60:]
        if b"[DONE]" in self._tail or b"message_stop" in self._tail:
            self._finish(True)

    def connection_lost(self, _exc: Exception | None) -> None:
        """Called by the loop."""
        self._finish(False)

    def _finish(self, done: bool) -> None:
        if not self.over.done():
            self.over.set_result(done)
            self._transport.close()


async def provide(port: int) -> None:
    """Until it is ended."""
    server = await asyncio.get_running_loop().create_server(Provider, "127.0.0.1", port, backlog=8192)
    await server.serve_forever()


async def read(port: int, streams: int, model: str, key: str, path: str, chunks: int, interval_s: float) -> None:
    """Open the streams, a few hundred a second, read them, print what was seen."""
    loop = asyncio.get_running_loop()
    message = {"role": "user", "content": f"{chunks} {interval_s}"}
    body = json.dumps({"model": model, "stream": True, "messages": [message], "max_tokens": 4096}).encode()
    request = (
        b"POST %b HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\nauthorization: Bearer %b\r\n"
        b"content-length: %d\r\n\r\n%b" % (path.encode(), key.encode(), len(body), body)
    )
    readers: list[Reader] = []
    for number in range(streams):
        _, reader = await loop.create_connection(lambda: Reader(request), "127.0.0.1", port)
        readers.append(reader)
        if number % 10 == 9:
            await asyncio.sleep(0.02)
    done = await asyncio.wait_for(asyncio.gather(*(reader.over for reader in readers)), TIME_LIMIT_S)
    firsts = sorted(reader.delays_s[0] for reader in readers if reader.delays_s)
    delays = sorted(delay for reader in readers for delay in reader.delays_s)
    seen = {
        "broken": done.count(False),
        "chunks": sum(reader.chunks for reader in readers),
        "first_p50_us": 1e6 * firsts[len(firsts) // 2] if firsts else 0.0,
        "p50_us": 1e6 * delays[len(delays) // 2] if delays else 0.0,
        "p99_us": 1e6 * delays[len(delays) * 99 // 100] if delays else 0.0,
        "longest_gap_s": max((reader.longest_gap_s for reader in readers), default=0.0),
    }
    sys.stdout.write(json.dumps(seen) + "\n")


def main() -> None:
    """See above."""
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    what, port, *rest = sys.argv[1:]
    try:
        import uvloop  # noqa: PLC0415 - these programs run without it too, only slower

        new_loop = uvloop.new_event_loop
    except ImportError:
        new_loop = asyncio.new_event_loop
    with asyncio.Runner(loop_factory=new_loop) as runner:
        if what == "provide":
            runner.run(provide(int(port)))
        else:
            streams, model, key, path, chunks, interval_s = rest
            runner.run(read(int(port), int(streams), model, key, path, int(chunks), float(interval_s)))


if __name__ == "__main__":
    main()
