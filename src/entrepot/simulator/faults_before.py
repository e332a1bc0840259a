"""Faults that come before an answer, or instead of one. Their names and arguments are in `faults.py`."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from email.utils import formatdate

import msgspec

from entrepot.simulator.delivery import Delivery
from entrepot.simulator.heard import WireError

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
        body = msgspec.json.encode({"message": "simulated failure", "code": status})
        headers: dict[str, str] = {}
    else:
        error = delivery.rendering.wire.failure(status, form)
        name, _, value = form.partition("=")
        if name == "words":
            error.message = f"Rate limit reached. Please try again in {float(value):g}s."
        body, headers = delivery.rendering.wire.render_error(error), error.headers
    headers = {"content-type": "application/json", **headers}
    if delivery.rendering.wire.retries_by_header or form == "flat":
        headers |= _retry_after(form)
    delivery.connection.write_whole(status, headers, body)
    delivery.tally.status = status


def _retry_after(form: str) -> dict[str, str]:
    name, _, value = form.partition("=")
    if name == "seconds":
        return {"retry-after": value}
    if name == "ms":
        return {"retry-after-ms": value}
    if name == "date":
        return {"retry-after": formatdate(time.time() + float(value), usegmt=True)}
    if name == "reset":
        return {"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": f"{float(value):g}s"}
    return {}


async def answer_instead(delivery: Delivery, status: int, content_type: str, body: bytes) -> None:
    """Answer with this, whatever the model had to say."""
    await asyncio.sleep(delivery.first_token_s)
    delivery.connection.write_whole(status, {"content-type": content_type}, body)
    delivery.tally.status = status


async def _malformed_json(delivery: Delivery, _: str) -> None:
    await answer_instead(delivery, 200, "application/json", b'{"id": "broken", "model": "m", "usage": {"inp')


async def _html(delivery: Delivery, argument: str) -> None:
    page = "<!DOCTYPE html><html><head><title>502 Bad Gateway</title></head><body>网关错误 Bad Gateway</body></html>"
    await answer_instead(delivery, int(argument or 502), "text/html; charset=utf-8", page.encode())


async def _error_in_200(delivery: Delivery, _: str) -> None:
    error = WireError(200, "The server is overloaded. Please try again later.", type="server_error", code="overloaded")
    await answer_instead(delivery, 200, "application/json", delivery.rendering.wire.render_error(error))


async def _empty_body(delivery: Delivery, _: str) -> None:
    await answer_instead(delivery, 200, "application/json", b"")


async def _no_choices(delivery: Delivery, _: str) -> None:
    await answer_instead(delivery, 200, "application/json", delivery.rendering.wire.nothing)


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
