"""An answer on its way out: frames, their pace, and a tally of what was delivered.

Rules of this file: the tally is true at every moment, because the task may be cancelled at any of them (the client left).
"""

from __future__ import annotations

import asyncio

import msgspec

from entrepot.simulator.http1 import Connection
from entrepot.simulator.said import Frame
from entrepot.simulator.wire import Rendering

STREAM_HEADERS = {"cache-control": "no-cache", "transfer-encoding": "chunked"}
JSON_HEADERS = {"content-type": "application/json"}


class Tally(msgspec.Struct):
    """What was delivered so far. `whole` says that everything was, in order."""

    status: int = 0
    delivered_tokens: int = 0
    whole: bool = False


class Delivery(msgspec.Struct, frozen=True):
    """One answer to deliver. A whole answer is a single frame. `headers` name a stream's type. Times are in seconds."""

    connection: Connection
    frames: list[Frame]
    stream: bool
    headers: dict[str, str]
    first_token_s: float
    chunk_s: float
    tally: Tally
    rendering: Rendering

    async def whole(self) -> None:
        """Deliver everything as it should be."""
        await self.head()
        await self.body(len(self.frames))
        if self.stream:
            self.connection.write_chunk(b"")
        self.tally.whole = True

    async def head(self, **headers: str) -> None:
        """Wait for the first token, then write status and headers; `headers` (underscores for dashes) replace others."""
        if self.first_token_s:
            await asyncio.sleep(self.first_token_s)
        given = dict(STREAM_HEADERS if self.stream else JSON_HEADERS) | self.headers
        if not self.stream:
            given["content-length"] = str(sum(len(frame.data) for frame in self.frames))
        given |= {name.replace("_", "-"): value for name, value in headers.items()}
        self.connection.write_head(200, given)
        self.tally.status = 200

    async def body(self, frames: int) -> None:
        """Write the first so many frames at the model's pace."""
        for number, frame in enumerate(self.frames[:frames]):
            if number and self.chunk_s:
                await asyncio.sleep(self.chunk_s)
            self.write(frame)
            await self.connection.drained()

    def write(self, frame: Frame) -> None:
        """Write one frame and count it."""
        if self.stream:
            self.connection.write_chunk(frame.data)
        else:
            self.connection.write(frame.data)
        if not self.connection.gone.is_set():
            self.tally.delivered_tokens += frame.tokens

    def halved(self) -> Delivery:
        """The same answer in at least two frames, so that it can be broken in the middle."""
        if len(self.frames) > 1:
            return self
        (frame,) = self.frames
        middle = len(frame.data) // 2
        halves = [Frame(frame.data[:middle], frame.tokens // 2), Frame(frame.data[middle:], -(-frame.tokens // 2))]
        return msgspec.structs.replace(self, frames=halves)
