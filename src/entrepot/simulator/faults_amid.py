"""Faults in the middle of an answer, and beside it. Their names and arguments are in `faults.py`."""

from __future__ import annotations

import asyncio

import msgspec

from entrepot.simulator.delivery import Delivery
from entrepot.simulator.faults_before import Perform, answer_instead
from entrepot.simulator.wire_openai import Frame, render_error
from entrepot.simulator.wire_openai_request import WireError


async def _first_half(delivery: Delivery) -> Delivery:
    halved = delivery.halved()
    await delivery.head()
    await halved.body(len(halved.frames) // 2)
    return halved


async def _hang_midway(delivery: Delivery, _: str) -> None:
    await _first_half(delivery)
    await asyncio.Event().wait()


async def _close_midway(delivery: Delivery, _: str) -> None:
    await _first_half(delivery)
    delivery.connection.close()


async def _reset_midway(delivery: Delivery, _: str) -> None:
    await _first_half(delivery)
    await asyncio.sleep(0.02)  # so that the first half is read before the reset throws away what is not
    delivery.connection.reset()


async def _half_chunk(delivery: Delivery, _: str) -> None:
    halved = await _first_half(delivery)
    data = halved.frames[len(halved.frames) // 2].data
    if delivery.stream:
        delivery.connection.write(b"%x\r\n" % len(data))
    delivery.connection.write(data[: len(data) // 2])
    delivery.connection.close()


async def _midway(delivery: Delivery, data: bytes) -> None:
    """Half of the stream, then `data`, then an orderly end. A whole answer gets `data` as its body."""
    if not delivery.stream:
        await answer_instead(delivery, 200, "application/json", data.removeprefix(b"data: "))
        return
    await _first_half(delivery)
    delivery.connection.write_chunk(data)
    delivery.connection.write_chunk(b"")


async def _error_frame(delivery: Delivery, _: str) -> None:
    error = WireError(200, "The server had an error while processing your request.", type="server_error")
    await _midway(delivery, b"data: " + render_error(error) + b"\n\n")


async def _malformed_sse(delivery: Delivery, _: str) -> None:
    await _midway(delivery, b'data: {"id": "chatcmpl-broken", "choices": [{"ind\n\nnot a field at all\n\n')


async def _short_length(delivery: Delivery, _: str) -> None:
    """Sends ten bytes fewer than it declares, then closes."""
    await _wrong_length(delivery, 10)


async def _long_length(delivery: Delivery, _: str) -> None:
    """Sends ten bytes more than it declares, then closes."""
    await _wrong_length(delivery, -10)


async def _wrong_length(delivery: Delivery, declared_more: int) -> None:
    flat = msgspec.structs.replace(delivery, stream=False)
    length = sum(len(frame.data) for frame in flat.frames) + declared_more
    kind = "text/event-stream" if delivery.stream else "application/json"
    await flat.head(content_type=kind, content_length=str(length))
    await flat.body(len(flat.frames))
    delivery.connection.close()


async def _slow_chunks(delivery: Delivery, argument: str) -> None:
    await msgspec.structs.replace(delivery.halved(), chunk_s=float(argument or 100) / 1000).whole()


async def _endless(delivery: Delivery, argument: str) -> None:
    """Repeats its text without end, MS milliseconds between frames. A whole answer just goes on with white space."""
    pause_s = float(argument or 10) / 1000
    await delivery.head(**({} if delivery.stream else {"content_length": str(10**12)}))
    talk = [frame for frame in delivery.frames if frame.tokens] if delivery.stream else [Frame(b" " * 1024)]
    while True:
        for frame in talk:
            delivery.write(frame)
            await delivery.connection.drained()
            await asyncio.sleep(pause_s)


async def _huge_line(delivery: Delivery, argument: str) -> None:
    """One line of a stream (or one string as a whole answer) of so many bytes: 64 MiB unless told."""
    size = int(argument or 64 * 1024 * 1024)
    connection = delivery.connection
    write = connection.write_chunk if delivery.stream else connection.write
    opening, closing = (b'data: {"x": "', b'"}\n\n') if delivery.stream else (b'"', b'"')
    await delivery.head(**({} if delivery.stream else {"content_length": str(size + 2)}))
    write(opening)
    block = b"x" * 65536
    for start in range(0, size, len(block)):
        write(block[: min(len(block), size - start)])
        await connection.drained()
    write(closing)
    if delivery.stream:
        await delivery.body(len(delivery.frames))
        connection.write_chunk(b"")


async def _one_byte_writes(delivery: Delivery, _: str) -> None:
    """Everything is there, but each byte comes by itself (as a chunk of its own in a stream)."""
    tokens = sum(frame.tokens for frame in delivery.frames)
    data = b"".join(frame.data for frame in delivery.frames)
    single = [Frame(data[at : at + 1]) for at in range(len(data))]
    await msgspec.structs.replace(delivery, frames=[*single[:-1], Frame(data[-1:], tokens)], chunk_s=0.0).whole()


async def _no_done(delivery: Delivery, _: str) -> None:
    frames = [frame for frame in delivery.frames if frame.data != b"data: [DONE]\n\n"]
    await msgspec.structs.replace(delivery, frames=frames).whole()


async def _other_model(delivery: Delivery, argument: str) -> None:
    await _edited(delivery, {"model": argument or "another-model"}, ())


async def _no_usage(delivery: Delivery, _: str) -> None:
    await _edited(delivery, {}, ("usage",))


async def _edited(delivery: Delivery, put: dict[str, object], drop: tuple[str, ...]) -> None:
    frames = []
    for frame in delivery.frames:
        data = frame.data.removeprefix(b"data: ").strip()
        if data == b"[DONE]":
            frames.append(frame)
            continue
        value = {**msgspec.json.decode(data), **put}
        for name in drop:
            value.pop(name, None)
        if delivery.stream and not value["choices"] and "usage" not in value:
            continue  # a frame that would have carried nothing but usage
        text = msgspec.json.encode(value)
        frames.append(Frame(b"data: " + text + b"\n\n" if delivery.stream else text, frame.tokens))
    await msgspec.structs.replace(delivery, frames=frames).whole()


async def _pings(delivery: Delivery, _: str) -> None:
    """Comments between the frames, as proxies send them to keep a connection alive."""
    frames = delivery.frames
    if delivery.stream:
        frames = [each for frame in frames for each in (Frame(b": keep-alive\n\n"), frame)]
    await msgspec.structs.replace(delivery, frames=frames).whole()


async def _early_hints(delivery: Delivery, _: str) -> None:
    delivery.connection.write(b"HTTP/1.1 103 Early Hints\r\nlink: </style.css>; rel=preload\r\n\r\n")
    await delivery.whole()


PERFORMERS: dict[str, Perform] = {
    "hang-midway": _hang_midway,
    "close-midway": _close_midway,
    "reset-midway": _reset_midway,
    "half-chunk": _half_chunk,
    "error-frame": _error_frame,
    "malformed-sse": _malformed_sse,
    "short-length": _short_length,
    "long-length": _long_length,
    "slow-chunks": _slow_chunks,
    "endless": _endless,
    "huge-line": _huge_line,
    "one-byte-writes": _one_byte_writes,
    "no-done": _no_done,
    "no-usage": _no_usage,
    "other-model": _other_model,
    "pings": _pings,
    "early-hints": _early_hints,
}
