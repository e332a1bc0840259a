"""Requests as clients send them.

Rules of this file: what is asked is rewritten as the chat that says the same and read by that dialect's parser, whose
settings have the same names. So a provider of the chat dialect is sent all of them, and `Asked.dialect` is the chat's. What
is for our renderer alone is kept in `Request.extra` under ECHO, and goes to nobody.
"""

from __future__ import annotations

from typing import Any

import msgspec

from entrepot.dialects.base import Asked, Envelope
from entrepot.dialects.openai_chat.request import parse_request as parse_chat_request
from entrepot.errors import InvalidRequest

ECHO = "echo"
MAX_LOGPROBS = 20
"""What chat providers give; the legacy API gave at most 5."""
_NO_ENVELOPE = Envelope()
_OURS = frozenset({"prompt", "echo", "best_of", "suffix", "logprobs"})
_decode_fields = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_decode_value = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder().encode


def parse_request(body: bytes, envelope: Envelope = _NO_ENVELOPE) -> Asked:
    """Bytes to a request. Raises InvalidRequest naming the offending part."""
    try:
        body.decode()  # what msgspec skips it does not check, and it would be found out at a worse moment
        fields = _decode_fields(body)
        ours = {name: _decode_value(raw) for name, raw in fields.items() if name in _OURS}
    except msgspec.ValidationError as error:
        raise InvalidRequest(str(error).replace("`", "'"), code="invalid_type") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InvalidRequest(f"the body is not valid JSON: {error}", code="invalid_json") from None
    except RecursionError:
        raise InvalidRequest("the body is nested too deeply", code="invalid_json") from None
    prompt = _prompt(ours.get("prompt"))
    chat = {name: raw for name, raw in fields.items() if name not in _OURS}
    chat["messages"] = msgspec.Raw(_encode([{"role": "user", "content": prompt}]))
    logprobs = _logprobs(ours.get("logprobs"))
    if logprobs is not None:
        chat["logprobs"] = msgspec.Raw(b"true")
        chat["top_logprobs"] = msgspec.Raw(_encode(logprobs))
    asked = parse_chat_request(_encode(chat), envelope)
    echo = _echo(ours.get("echo"), logprobs)
    _check_unsayable(ours, asked.request.n)
    if not echo:
        return asked
    request = msgspec.structs.replace(asked.request, extra={**asked.request.extra, ECHO: True})
    return msgspec.structs.replace(asked, request=request)


def _prompt(given: object) -> str:
    if isinstance(given, list) and len(given) == 1 and isinstance(given[0], str):
        given = given[0]
    if isinstance(given, str):
        return given
    if given is None or given == []:
        raise InvalidRequest("'prompt' is missing: give the text to answer", param="prompt")
    if isinstance(given, list) and all(isinstance(each, str) for each in given):
        raise InvalidRequest(
            f"'prompt' is a list of {len(given)}: each would be a call of its own, so send them one by one",
            param="prompt",
        )
    if isinstance(given, list) and all(isinstance(each, int | list) for each in given):
        raise InvalidRequest(
            "'prompt' is given as token ids, which mean something to one model only: send the text", param="prompt"
        )
    raise InvalidRequest("'prompt' is neither a text nor a list of one", param="prompt", code="invalid_type")


def _logprobs(given: object) -> int | None:
    # true and false are the chat dialect's words for it, and whole numbers to Python.
    if given is None or given is False:
        return None
    if not isinstance(given, int) or not 0 <= given <= MAX_LOGPROBS:
        raise InvalidRequest(
            f"'logprobs' must be a whole number from 0 to {MAX_LOGPROBS}: how many likely tokens to give",
            param="logprobs",
            code="invalid_type",
        )
    return 0 if given is True else given


def _echo(given: object, logprobs: int | None) -> bool:
    if given is not None and not isinstance(given, bool):
        raise InvalidRequest("'echo' must be true or false", param="echo", code="invalid_type")
    if given and logprobs is not None:
        raise InvalidRequest(
            "'echo' with 'logprobs' asks how likely the prompt is, which chat models do not say: leave one out",
            param="echo",
        )
    return bool(given)


def _check_unsayable(ours: dict[str, Any], n: int) -> None:
    if ours.get("suffix"):
        raise InvalidRequest(
            "'suffix' asks for text to go before it, which chat models do not write: put it into the prompt",
            param="suffix",
        )
    best_of = ours.get("best_of")
    if best_of is not None and best_of not in (1, n):
        raise InvalidRequest(
            f"'best_of' is not 'n', which is {n}: chat models give every answer that they write, so leave it out",
            param="best_of",
        )
