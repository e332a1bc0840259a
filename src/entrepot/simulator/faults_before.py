"""Faults that come before an answer, or instead of one. Their names and arguments are in `faults.py`."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from email.utils import formatdate

import msgspec

from entrepot.simulator.delivery import Delivery
from entrepot.simulator.wire_openai import render_error
from entrepot.simulator.wire_openai_request import WireError

Perform = Callable[[Delivery, str], Awaitable[None]]


async def _refuse(delivery: Delivery, _: str) -> None:
    delivery.connection.close()


async def _reset(delivery: Delivery, _: str) -> None:
    delivery.connection.reset()


async def _hang(_delivery: Delivery, _: str) -> None:
    await asyncio.Event().wait()


async def _slow_head(delivery: Delivery, argument: str) -> None:
    await asyncio.sleep(float(argument or 1000) / 1000)
    await delivery.whole()


async def _status(delivery: Delivery, argument: str) -> None:
    code, _, form = argument.partition(":")
    status = int(code or 500)
    if form == "flat":
        body = msgspec.json.encode({"message": _STATUS_TEXTS.get(status, "simulated failure"), "code": status})
    else:
        body = render_error(_status_error(status, form))
    headers = {"content-type": "application/json", **_retry_after(form)}
    delivery.connection.write_whole(status, headers, body)
    delivery.tally.status = status


def _status_error(status: int, form: str) -> WireError:
    if form == "quota":
        return WireError(
            status, "You exceeded your current quota.", type="insufficient_quota", code="insufficient_quota"
        )
    if form == "context":
        message = "This model's maximum context length is 8192 tokens."
        return WireError(status, message, code="context_length_exceeded", param="messages")
    if form == "filter":
        return WireError(status, "The response was filtered by the content policy.", code="content_filter")
    kind, code = _STATUS_KINDS.get(status, ("server_error" if status >= 500 else "invalid_request_error", None))
    return WireError(status, _STATUS_TEXTS.get(status, "simulated failure"), type=kind, code=code)


def _retry_after(form: str) -> dict[str, str]:
    name, _, value = form.partition("=")
    if name == "seconds":
        return {"retry-after": value}
    if name == "ms":
        return {"retry-after-ms": value}
    if name == "date":
        return {"retry-after": formatdate(time.time() + float(value), usegmt=True)}
    return {}


async def answer_instead(delivery: Delivery, status: int, content_type: str, body: bytes) -> None:
    """Answer with this, whatever the model had to say."""
    await asyncio.sleep(delivery.first_token_s)
    delivery.connection.write_whole(status, {"content-type": content_type}, body)
    delivery.tally.status = status


async def _malformed_json(delivery: Delivery, _: str) -> None:
    await answer_instead(delivery, 200, "application/json", b'{"id": "chatcmpl-broken", "choices": [{"index": 0, "mess')


async def _html(delivery: Delivery, argument: str) -> None:
    page = "<!DOCTYPE html><html><head><title>502 Bad Gateway</title></head><body>网关错误 Bad Gateway</body></html>"
    await answer_instead(delivery, int(argument or 502), "text/html; charset=utf-8", page.encode())


async def _error_in_200(delivery: Delivery, _: str) -> None:
    error = WireError(200, "The server is overloaded. Please try again later.", type="server_error", code="overloaded")
    await answer_instead(delivery, 200, "application/json", render_error(error))


async def _empty_body(delivery: Delivery, _: str) -> None:
    await answer_instead(delivery, 200, "application/json", b"")


async def _no_choices(delivery: Delivery, _: str) -> None:
    await answer_instead(delivery, 200, "application/json", b'{"id":"x","object":"chat.completion","choices":[]}')


_STATUS_TEXTS = {
    401: "Incorrect API key provided.",
    402: "Insufficient Balance",
    403: "Country, region, or territory not supported",
    404: "The model does not exist or you do not have access to it.",
    429: "Rate limit reached for requests.",
    500: "The server had an error while processing your request.",
    503: "The engine is currently overloaded, please try again later.",
}

_STATUS_KINDS: dict[int, tuple[str, str | None]] = {
    401: ("authentication_error", "invalid_api_key"),
    402: ("insufficient_balance", None),
    404: ("invalid_request_error", "model_not_found"),
    429: ("requests", "rate_limit_exceeded"),
}

PERFORMERS: dict[str, Perform] = {
    "refuse": _refuse,
    "reset": _reset,
    "hang": _hang,
    "status": _status,
    "slow-head": _slow_head,
    "malformed-json": _malformed_json,
    "html": _html,
    "error-in-200": _error_in_200,
    "empty-body": _empty_body,
    "no-choices": _no_choices,
}
