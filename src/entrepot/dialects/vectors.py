"""Embeddings between their two forms on the wire, and what the embedding dialects share.

Rules of this file: a vector stays the bytes it came as until a client wants the other form. Numbers become float32 where a
client wants base64, as the field's own clients read it; base64 becomes numbers without loss. There are as many vectors as
inputs, in their order: anything else would pair a text with another's meaning.
"""

from __future__ import annotations

import base64
import binascii
import sys
from array import array
from collections.abc import Callable, Sequence

import msgspec

from entrepot.canonical.request import Embedding, Message, Request, Text, Unknown
from entrepot.canonical.response import Vector
from entrepot.canonical.stream import Ended, Failed, Failure, StreamEvent, VectorAdded
from entrepot.dialects.answer_body import BodyParser, Splitter
from entrepot.dialects.base import AnswerRenderer
from entrepot.errors import EntrepotError, InvalidRequest, ProviderError

_decode_numbers = msgspec.json.Decoder(list[float]).decode


def vector_of(raw: msgspec.Raw) -> Vector:
    """The vector that a JSON value is. Raises msgspec.ValidationError where it is neither an array nor text."""
    value = bytes(raw).strip()
    if value[:1] == b"[":
        return Vector(numbers=value)
    return Vector(base64=msgspec.json.decode(value, type=str))


def numbers_of(vector: Vector) -> msgspec.Raw:
    """The JSON array of numbers. Raises ProviderError where its base64 is not of float32."""
    if vector.numbers is not None:
        return msgspec.Raw(vector.numbers)
    floats = array("f")
    try:
        floats.frombytes(base64.b64decode(vector.base64 or "", validate=True))
    except (binascii.Error, ValueError):
        raise ProviderError("the provider's vector is not base64 of 32-bit numbers") from None
    return msgspec.Raw(msgspec.json.encode(_little_endian(floats).tolist()))


def base64_of(vector: Vector) -> str:
    """Base64 of little-endian float32. Raises ProviderError where the vector holds something else than numbers."""
    if vector.base64 is not None:
        return vector.base64
    try:
        floats = array("f", _decode_numbers(vector.numbers or b"[]"))
    except (msgspec.MsgspecError, OverflowError):
        raise ProviderError("the provider's vector holds something else than 32-bit numbers") from None
    return base64.b64encode(_little_endian(floats).tobytes()).decode()


def _little_endian(floats: array[float]) -> array[float]:
    if sys.byteorder == "big":
        floats.byteswap()
    return floats


def dimensions_of(request: Request) -> int | None:
    """The one length that is asked of every vector. Raises InvalidRequest where inputs ask for different ones."""
    asked = {embedding.dimensions for embedding in request.embeddings}
    if len(asked) > 1:
        raise InvalidRequest(
            "the inputs ask for vectors of different lengths, which this provider cannot give in one answer: send them apart",
            param="requests",
        )
    return next(iter(asked), None)


def embedding_at(request: Request, index: int) -> Embedding:
    """How input `index` is to be embedded."""
    return request.embeddings[index] if index < len(request.embeddings) else Embedding()


def text_of(message: Message, at: str) -> str:
    """The text of one input; several pieces are joined by line ends. Raises InvalidRequest where it is not text."""
    for part in message.parts:
        if isinstance(part, Unknown) and "token_ids" in part.raw:
            raise InvalidRequest(
                f"'{at}' is given as token ids, which only a provider of the {part.dialect} dialect can be sent: send its text",
                param=at,
            )
        if not isinstance(part, Text):
            raise InvalidRequest(f"'{at}' holds more than text, which this provider's models do not embed", param=at)
    return message.text()


def check_vectors(vectors: Sequence[Vector], request: Request) -> list[StreamEvent]:
    """The events of these vectors, or a failure where they are not one for each input."""
    if len(vectors) != len(request.messages):
        what = f"the provider's answer holds {len(vectors)} embeddings for {len(request.messages)} inputs"
        return [Failed(Failure("protocol", what))]
    return [VectorAdded(vector, index) for index, vector in enumerate(vectors)]


class VectorsParser(BodyParser):
    """A whole answer. `body` is what came, `as_asked` that a client of the same dialect can be given it as it is."""

    def __init__(self, read: Callable[[bytes], tuple[list[StreamEvent], bool]]) -> None:
        super().__init__()
        self._read = read
        self.body = b""
        self.as_asked = False

    def _open_splitter(self, opening: bytes) -> Splitter | None:  # noqa: ARG002 - embeddings never come in streams
        return None

    def _take_whole(self, body: bytes, events: list[StreamEvent]) -> None:
        self._over = True
        self.body = body
        try:
            read, self.as_asked = self._read(body)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            self._fail("protocol", "the provider's answer is not the JSON of embeddings", events)
        else:
            events.extend(read)


class UnchangedRenderer:
    """What came, byte for byte, where it is what the client asked for; otherwise as `renderer` says it."""

    def __init__(self, parser: VectorsParser, renderer: AnswerRenderer) -> None:
        self.content_type = renderer.content_type
        self._parser = parser
        self._renderer = renderer

    def render(self, events: Sequence[StreamEvent]) -> bytes:
        """Nothing until the answer has ended, then all of it."""
        if self._parser.as_asked and events and isinstance(events[-1], Ended):
            return self._parser.body
        return self._renderer.render(events)

    def break_off(self, error: EntrepotError) -> bytes:
        """A whole answer is never broken off: nothing of it has left."""
        return self._renderer.break_off(error)
