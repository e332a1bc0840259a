"""Faults in the middle of an answer, and beside it. Their names and arguments are in `faults.py`."""

from __future__ import annotations

import asyncio

import msgspec

from entrepot.simulator.delivery import Delivery
from entrepot.simulator.faults_before import Perform, answer_instead
from entrepot.simulator.heard import WireError
from entrepot.simulator.said import Frame


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
    """Half of the stream, then `data`, then an orderly end."""
    await _first_half(delivery)
    delivery.connection.write_chunk(data)
    delivery.connection.write_chunk(b"")


async def _error_frame(delivery: Delivery, _: str) -> None:
    """An error in the middle of a stream, or as a whole answer's body."""
    wire = delivery.rendering.wire
    error = WireError(500, "The server had an error while processing your request.", type="server_error")
    if delivery.stream:
        await _midway(delivery, wire.render_error_frame(error))
    else:
        await answer_instead(delivery, 200, "application/json", wire.render_error(error))


async def _malformed_sse(delivery: Delivery, _: str) -> None:
    broken = b'{"id": "broken", "choices": [{"ind'
    if delivery.stream:
        await _midway(delivery, delivery.rendering.wire.frame(broken) + b"not a field at all\n\n")
    else:
        await answer_instead(delivery, 200, "application/json", broken)


async def _short_length(delivery: Delivery, _: str) -> None:
    """Sends ten bytes fewer than it declares, then closes."""
    await _wrong_length(delivery, 10)


async def _long_length(delivery: Delivery, _: str) -> None:
    """Sends ten bytes more than it declares, then closes."""
    await _wrong_length(delivery, -10)


async def _wrong_length(delivery: Delivery, declared_more: int) -> None:
    flat = msgspec.structs.replace(delivery, stream=False)
    length = sum(len(frame.data) for frame in flat.frames) + declared_more
    await flat.head(content_length=str(length))
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
    framed = delivery.rendering.wire.frame(b'{"x": "%"}')
    opening, _, closing = framed.partition(b"%") if delivery.stream else (b'"', b"", b'"')
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
    await _worded(delivery, says_end=False)


async def _other_model(delivery: Delivery, argument: str) -> None:
    await _worded(delivery, model=argument or "another-model")


async def _no_usage(delivery: Delivery, _: str) -> None:
    await _worded(delivery, says_usage=False)


async def _worded(delivery: Delivery, **changes: object) -> None:
    await msgspec.structs.replace(delivery, frames=delivery.rendering.frames(**changes)).whole()


async def _pings(delivery: Delivery, _: str) -> None:
    """Comments or pings between the frames, as proxies send them to keep a connection alive."""
    frames = delivery.frames
    if delivery.stream:
        frames = [each for frame in frames for each in (Frame(delivery.rendering.wire.ping), frame)]
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
