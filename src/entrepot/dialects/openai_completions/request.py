"""Requests as clients send them.

Rules of this file: what is asked is rewritten as the chat that says the same and read by that dialect's parser, whose
settings have the same names. So a provider of the chat dialect is sent all of them, and `Asked.dialect` is the chat's. What
is for our renderer alone is kept in `Request.extra` under ECHO, and goes to nobody.
"""

from __future__ import annotations

import msgspec

from entrepot.dialects.base import Asked, Envelope
from entrepot.dialects.openai_chat.request import parse_request as parse_chat_request
from entrepot.dialects.openai_completions.wire import (
    MAX_LOGPROBS,
    OWN_FIELDS,
    WireRequest,
    decode_fields,
    decode_request,
    encode,
)
from entrepot.dialects.request_body import taking_apart
from entrepot.errors import InvalidRequest

ECHO = "echo"
_NO_ENVELOPE = Envelope()


def parse_request(body: bytes, envelope: Envelope = _NO_ENVELOPE) -> Asked:
    """Bytes to a request. Raises InvalidRequest naming the offending part."""
    with taking_apart(body):
        fields = decode_fields(body)
        wire = decode_request(body)
    chat = {name: raw for name, raw in fields.items() if name not in OWN_FIELDS}
    chat["messages"] = msgspec.Raw(encode([{"role": "user", "content": _prompt(wire.prompt)}]))
    logprobs = _logprobs(wire.logprobs)
    if logprobs is not None:
        chat["logprobs"] = msgspec.Raw(b"true")
        chat["top_logprobs"] = msgspec.Raw(encode(logprobs))
    asked = parse_chat_request(encode(chat), envelope)
    _check_unsayable(wire, asked.request.n)
    if not wire.echo:
        return asked
    request = msgspec.structs.replace(asked.request, extra={**asked.request.extra, ECHO: True})
    return msgspec.structs.replace(asked, request=request)


def _prompt(given: str | list[str | int | list[int]] | None) -> str:
    if isinstance(given, str):
        return given
    if not given:
        raise InvalidRequest("'prompt' is missing: give the text to answer", param="prompt")
    if len(given) == 1 and isinstance(given[0], str):
        return given[0]
    if isinstance(given[0], str):
        raise InvalidRequest(
            f"'prompt' is a list of {len(given)}: each would be a call of its own, so send them one by one",
            param="prompt",
        )
    raise InvalidRequest(
        "'prompt' is given as token ids, which mean something to one model only: send the text", param="prompt"
    )


def _logprobs(given: bool | int | None) -> int | None:
    # true and false are the chat dialect's words for it, and whole numbers to Python.
    if given is None or given is False:
        return None
    if given is True:
        return 0
    if not 0 <= given <= MAX_LOGPROBS:
        raise InvalidRequest(
            f"'logprobs' is {given}: it must be from 0 to {MAX_LOGPROBS}, how many likely tokens to give",
            param="logprobs",
        )
    return given


def _check_unsayable(wire: WireRequest, n: int) -> None:
    if wire.suffix:
        raise InvalidRequest(
            "'suffix' asks for text to go before it, which chat models do not write: put it into the prompt",
            param="suffix",
        )
    if wire.best_of is not None and wire.best_of not in (1, n):
        raise InvalidRequest(
            f"'best_of' is not 'n', which is {n}: chat models give every answer that they write, so leave it out",
            param="best_of",
        )
    if wire.echo and _logprobs(wire.logprobs) is not None:
        raise InvalidRequest(
            "'echo' with 'logprobs' asks how likely the prompt is, which chat models do not say: leave one out",
            param="echo",
        )
