"""Requests of nothing but texts and the commonest settings, read in one step: most are such.

Rules of this file: it says what `request.py` says of the same bytes, or nothing. What it does not expect, be it wrong or only
seldom, is left to that file, which also has the words for what is wrong.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from entrepot.canonical.request import Message, Request, Text
from entrepot.dialects.base import Asked
from entrepot.dialects.openai_chat.wire import DIALECT, decode_fields


class _Said(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    role: Literal["system", "user", "assistant"]
    content: str


class _StreamOptions(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    include_usage: bool = False


_AtLeastOne = Annotated[int, msgspec.Meta(ge=1)]


class _Plain(msgspec.Struct, forbid_unknown_fields=True):
    model: Annotated[str, msgspec.Meta(min_length=1)]
    messages: Annotated[list[_Said], msgspec.Meta(min_length=1)]
    max_tokens: _AtLeastOne | None = None
    max_completion_tokens: _AtLeastOne | None = None
    temperature: float | None = None
    top_p: float | None = None
    seed: int | None = None
    user: str | None = None
    stream: bool | None = None
    stream_options: _StreamOptions | None = None


_decode_plain = msgspec.json.Decoder(_Plain).decode


def read_plain(body: bytes) -> Asked | None:
    """The request, as `parse_request` reads it; None where more than a look is needed."""
    try:
        body.decode()  # msgspec does not check text that it skips
        wire = _decode_plain(body)
        fields = decode_fields(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    limit, options = wire.max_completion_tokens, wire.stream_options
    request = Request(
        wire.model,
        tuple([Message(said.role, (Text(said.content),)) for said in wire.messages]),
        max_output_tokens=wire.max_tokens if limit is None else limit,
        temperature=wire.temperature,
        top_p=wire.top_p,
        seed=wire.seed,
        user=wire.user,
        stream=bool(wire.stream),
        include_usage=options is not None and options.include_usage,
    )
    return Asked(request, DIALECT, fields)
