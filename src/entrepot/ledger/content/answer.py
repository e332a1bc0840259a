"""From the bytes that a client was sent to what they say.

Rules of this file: pure. They are read as a provider's of the same dialect would be: what we wrote ourselves and what passed
through look alike. What cannot be read is kept as it is, never dropped. An answer that broke off is what was delivered of it.
"""

from __future__ import annotations

from typing import Any

import msgspec

from entrepot.canonical.fold import Folder
from entrepot.canonical.request import Text
from entrepot.canonical.response import Choice, Response
from entrepot.dialects.base import Asked, Target
from entrepot.dialects.registry import PROVIDER_DIALECTS
from entrepot.dialects.sse import FrameSplitter
from entrepot.errors import EntrepotError
from entrepot.ledger.content.record import Kept, Said, Sent
from entrepot.ledger.content.seal import Seals

_COMPLETIONS = "openai-completions"
_NOWHERE = Target(base_url="", upstream_name="")
_SENT = msgspec.msgpack.Decoder(Sent)
_SAID = msgspec.msgpack.Decoder(Said)
_ENCODER = msgspec.msgpack.Encoder()


def open_content(kept: Kept, seals: Seals) -> Said | None:
    """What was said, None where it was too long to be kept. Raises LedgerError where it cannot be decrypted or read."""
    if kept.form == "too_long":
        return None
    body = seals.open(kept.body, kept.sealed_by, kept.id, kept.form)
    if kept.form == "said":
        return _SAID.decode(body)
    return read_sent(_SENT.decode(body), kept.dialect)


def settle(kept: Kept, seals: Seals) -> Kept:
    """The same with its answer read, sealed with the key in use: as it lies in the store. Raises as `open_content`."""
    said = open_content(kept, seals)
    return kept if said is None else seal_said(kept, said, seals)


def seal_said(kept: Kept, said: Said, seals: Seals) -> Kept:
    """The record with this for what was said."""
    body = _ENCODER.encode(said)
    sealed_by, sealed = seals.seal(body, kept.id, "said")
    return msgspec.structs.replace(kept, form="said", sealed_by=sealed_by, length=len(body), body=sealed)


def read_sent(sent: Sent, dialect: str) -> Said:
    """The request beside what the bytes of its answer say."""
    if sent.status != 200 or not sent.answer:
        return Said(sent.request, sent.status, complete=False, unread=sent.answer or None)
    try:
        response, complete = _read_completion(sent) if dialect == _COMPLETIONS else _read(sent, dialect)
    except (EntrepotError, msgspec.MsgspecError, ValueError, KeyError):
        return Said(sent.request, sent.status, complete=False, unread=sent.answer)
    if not response.choices:
        return Said(sent.request, sent.status, complete=False, unread=sent.answer)
    return Said(sent.request, sent.status, complete and sent.ended, response)


def _read(sent: Sent, dialect: str) -> tuple[Response, bool]:
    parser = PROVIDER_DIALECTS[dialect].open_parser(Asked(sent.request, dialect, {}), _NOWHERE)
    folder = Folder()
    for event in (*parser.feed(sent.answer), *parser.close()):
        folder.take(event)
    return folder.response(), folder.ended and folder.failure is None


class _CompletionChoice(msgspec.Struct):
    text: str = ""
    index: int = 0
    finish_reason: str | None = None


class _Completion(msgspec.Struct):
    id: str = ""
    model: str = ""
    created: int = 0
    choices: list[_CompletionChoice] = []
    error: Any = None


def _read_completion(sent: Sent) -> tuple[Response, bool]:
    """The legacy dialect, which clients speak and no provider of ours."""
    pieces, ended = [sent.answer], True
    if sent.request.stream:
        splitter = FrameSplitter()
        frames = splitter.feed(sent.answer)
        data = [frame.data for frame in frames if frame.data is not None]
        ended = b"[DONE]" in data
        pieces = [each for each in data if each != b"[DONE]"]
    read = [msgspec.json.decode(piece, type=_Completion) for piece in pieces]
    texts: dict[int, list[str]] = {}
    reasons: dict[int, str] = {}
    for choice in (choice for one in read for choice in one.choices):
        texts.setdefault(choice.index, []).append(choice.text)
        if choice.finish_reason is not None:
            reasons[choice.index] = choice.finish_reason
    choices = tuple(
        Choice(index, (Text("".join(texts[index])),), "length" if reasons.get(index) == "length" else "stop")
        for index in sorted(texts)
    )
    first = read[0] if read else _Completion()
    failed = any(one.error is not None for one in read)
    response = Response(first.id, first.model, first.created, choices, dialect=_COMPLETIONS)
    return response, ended and not failed and len(reasons) == len(texts)
