"""Entries as they lie in a spool and in the ledger: one MessagePack document each, of which columns are made.

Rules of this file: a document is kept as it was written, byte for byte. Ingestion reads only what columns are made of: passing
over the candidates that a decision weighed saves most of the time that reading takes.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, NamedTuple

import msgspec

from entrepot.exchange.outcome import Outcome
from entrepot.exchange.records import Entry


class Document(NamedTuple):
    """An entry beside the bytes that it was read from. The entry may be an outline: everything but what was decided and why."""

    entry: Entry
    encoded: bytes


class _Decided(msgspec.Struct, frozen=True, gc=False):
    router: str | None = None


class _Outline(Entry, frozen=True, gc=False):
    decision: _Decided | None = None  # type: ignore[assignment]  # of a decision, columns need this much
    deliberation: msgspec.Raw = msgspec.Raw()  # type: ignore[assignment]  # and nothing of this


class _Feedback(msgspec.Struct, frozen=True, tag="feedback", tag_field="record"):
    """What an earlier version wrote of feedback: such a spool may still lie there."""

    id: str
    exchange: str
    given_ns: int
    key: str | None
    source: Literal["program", "user"]
    score: float | None = None
    label: str | None = None


_ENCODER = msgspec.msgpack.Encoder()
_SAID = msgspec.msgpack.Decoder(Outcome | _Feedback)
_OUTLINE = msgspec.msgpack.Decoder(_Outline)


def read_record(encoded: bytes) -> Document | Outcome:
    """What a spool's record holds, an entry nearly always. Raises MsgspecError where it is nothing this version can read."""
    try:
        return read_document(encoded)
    except msgspec.MsgspecError:
        said = _SAID.decode(encoded)
    if isinstance(said, Outcome):
        return said
    return Outcome(said.id, said.exchange, said.given_ns, said.source, said.key or "", said.score, said.label)


def read_document(encoded: bytes) -> Document:
    """What a spool's record holds. Raises MsgspecError where it is no entry that this version can read."""
    return Document(_OUTLINE.decode(encoded), encoded)


def documents_of(entries: Iterable[Entry]) -> list[Document]:
    """Entries that are whole, encoded."""
    return [Document(entry, _ENCODER.encode(entry)) for entry in entries]
