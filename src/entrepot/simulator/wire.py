"""What a wire is to a stand-in: how requests are read and answers written in one dialect.

Rules of this file: a wire is written from its vendor's documentation, not from `dialects`, and is as strict as the vendor. It
is pure. One that is added here is named in `wires.py`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Protocol

import msgspec

from entrepot.simulator.books import Tokens
from entrepot.simulator.heard import Heard, WireError
from entrepot.simulator.http1 import HttpRequest
from entrepot.simulator.said import Frame, Reply, spoken_tokens


class Wire(Protocol):
    """One dialect, as a provider speaks it."""

    base_path: str
    """What a deployment's base URL ends in, below the provider's own address; empty or with a leading slash."""
    models_paths: tuple[str, ...]
    """Where the list of models is, below the provider's own address."""
    retries_by_header: bool
    """Whether headers say when to come back; otherwise the body does."""
    ping: bytes
    """What keeps a stream alive between its frames."""
    nothing: bytes
    """A whole answer, as JSON, in which there is no answer."""

    def check_key(self, request: HttpRequest, key: str) -> None:
        """Raises WireError where the request does not bring this key."""
        ...

    def parse_request(self, request: HttpRequest, path: str) -> Heard | None:
        """What is asked at `path` (below the provider's own address); None if there is no such path. Raises WireError."""
        ...

    def reply_id(self, digest: str) -> str:
        """The id of an answer, made of hexadecimal digits."""
        ...

    def headers(self, id: str) -> dict[str, str]:
        """What comes with every answer."""
        ...

    def stream_type(self, heard: Heard) -> str:
        """The content type of a stream."""
        ...

    def render_whole(self, heard: Heard, reply: Reply) -> bytes:
        """A whole answer."""
        ...

    def render_stream(self, heard: Heard, reply: Reply, tokens_per_chunk: int) -> list[Frame]:
        """A streamed answer; its frames' tokens add up to `spoken_tokens`."""
        ...

    def bill(self, tokens: Tokens) -> Tokens:
        """The same tokens by the kinds that this provider bills."""
        ...

    def render_count(self, tokens: int) -> bytes:
        """The answer to `count_tokens`."""
        ...

    def render_models(self, names: Iterable[str], owner: str, created: int) -> bytes:
        """The list of models."""
        ...

    def failure(self, status: int, form: str) -> WireError:
        """The error that a fault `status:STATUS:FORM` asks for (see `faults.py`)."""
        ...

    def render_error(self, error: WireError) -> bytes:
        """An error body."""
        ...

    def frame(self, data: bytes) -> bytes:
        """JSON text, whole or broken, as a frame of a stream."""
        ...

    def render_error_frame(self, error: WireError) -> bytes:
        """An error in the middle of a stream."""
        ...


class Rendering(msgspec.Struct, frozen=True):
    """One answer with the wire that words it, so that a fault can have it worded differently."""

    wire: Wire
    heard: Heard
    reply: Reply
    tokens_per_chunk: int

    def frames(self, **changes: Any) -> list[Frame]:  # noqa: ANN401 - any field of a Reply
        """The answer in frames; a whole one is a single frame. `changes` are made to the reply first."""
        reply = msgspec.structs.replace(self.reply, **changes)
        if self.heard.stream:
            return self.wire.render_stream(self.heard, reply, self.tokens_per_chunk)
        return [Frame(self.wire.render_whole(self.heard, reply), spoken_tokens(reply))]
