"""The gateway asked without a socket: for jobs of ours that are to go the whole way of a client's request.

Rules of this file: it is a client and nothing more. What it sends goes in at the gateway's front door with a key, so that
every rule, limit and budget holds for it, and what is written down of it lies in the same spool.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

import msgspec

from entrepot.dialects.openai_chat import OpenAIChat
from entrepot.errors import Defect
from entrepot.exchange.outcome import Outcome
from entrepot.exchange.planning import Considered, Planner
from entrepot.exchange.records import Entry
from entrepot.exchange.refusing import Refusal
from entrepot.exchange.steering import Steering
from entrepot.learning.asking import Answer, Refused, Reply, Unanswered
from entrepot.ledger.spool import SpoolWriter
from entrepot.policy.rules import Principal
from entrepot.routing.confidence import logprobs_of
from entrepot.server.http import Application, Message


class TappedSpool(SpoolWriter):
    """A spool whose entries can also be had by their id, once each."""

    def __init__(self, directory: str | Path, name: str) -> None:
        super().__init__(directory, name)
        self._at_hand: dict[str, Entry] = {}

    def append(self, entry: Entry | Outcome) -> None:
        """Write one down, and keep an entry at hand."""
        if isinstance(entry, Entry):
            self._at_hand[entry.id] = entry
        super().append(entry)

    def take(self, id_: str) -> Entry:
        """The entry of this exchange. Raises Defect where there is none."""
        found = self._at_hand.pop(id_, None)
        if found is None:
            raise Defect(f"exchange {id_} was not written down")
        return found


class _Message(msgspec.Struct):
    content: str | None = None
    refusal: str | None = None


class _Choice(msgspec.Struct):
    message: _Message
    finish_reason: str | None = None
    logprobs: Any = None


class _Completion(msgspec.Struct):
    choices: list[_Choice]


class _Error(msgspec.Struct):
    message: str = ""
    code: str | None = None


class _Failure(msgspec.Struct):
    error: _Error


class InProcess:
    """Asks `gateway` with the client key `key`; `principal` is whom that key stands for, `tags` go with every request."""

    def __init__(
        self,
        gateway: Application,
        spool: TappedSpool,
        planner: Planner,
        key: str,
        principal: Principal,
        tags: frozenset[str],
    ) -> None:
        self._gateway = gateway
        self._spool = spool
        self._planner = planner
        self._principal = principal
        self._steering = Steering(tags=tags)
        self._headers = [
            (b"authorization", f"Bearer {key}".encode()),
            (b"content-type", b"application/json"),
            (b"x-entrepot-tags", ",".join(quote(tag, safe="") for tag in sorted(tags)).encode()),
        ]

    def consider(self, body: Mapping[str, Any]) -> Considered | Refusal:
        """What would be decided for this chat request, without asking anyone. Raises InvalidRequest."""
        asked = OpenAIChat.parse_request(msgspec.json.encode(body))
        return self._planner.consider(asked.request, self._principal, self._steering, None, time.time())

    async def ask(self, body: Mapping[str, Any]) -> Reply:
        """Ask with the body of a chat request."""
        call = await deliver(self._gateway, self._headers, msgspec.json.encode(body))
        entry = self._spool.take(call.headers.get(b"x-entrepot-exchange", b"").decode())
        return _read(call, entry)


async def deliver(gateway: Application, headers: Sequence[tuple[bytes, bytes]], body: bytes) -> Delivered:
    """A chat request at the gateway's front door, and what is answered. Cancelled, it leaves as a client would."""
    call = Delivered(body)
    scope: Message = {
        "type": "http",
        "method": "POST",
        "path": "/v1/chat/completions",
        "query_string": b"",
        "headers": [*headers, (b"content-length", str(len(body)).encode())],
        "client": ("127.0.0.1", 0),
    }
    asking = asyncio.ensure_future(gateway(scope, call.receive, call.send))
    try:
        await asyncio.shield(asking)
    except asyncio.CancelledError:
        call.leave()  # what was under way is ended and written down
        await asking
        raise
    return call


def text_of(call: Delivered) -> str | None:
    """What a whole answer says, None where there is none."""
    if call.status != 200:
        return None
    try:
        completion = msgspec.json.decode(call.body, type=_Completion)
    except msgspec.MsgspecError:
        return None
    return completion.choices[0].message.content if completion.choices else None


class Delivered:
    """One request, and what is answered to it."""

    def __init__(self, sent: bytes) -> None:
        self.sent = sent
        self.status = 0
        self.headers: dict[bytes, bytes] = {}
        self.body = bytearray()
        self._received = False
        self._gone = asyncio.Event()

    def leave(self) -> None:
        """Wait for the answer no longer."""
        self._gone.set()

    async def receive(self) -> Message:
        """The whole body at once, then that the client has gone, once it has."""
        if self._received:
            await self._gone.wait()
            return {"type": "http.disconnect"}
        self._received = True
        return {"type": "http.request", "body": self.sent, "more_body": False}

    async def send(self, message: Message) -> None:
        """Keep what is answered."""
        if message["type"] == "http.response.start":
            self.status, self.headers = message["status"], dict(message["headers"])
        else:
            self.body += message.get("body", b"")


def _read(call: Delivered, entry: Entry) -> Reply:
    if call.status == 200:
        completion = msgspec.json.decode(call.body, type=_Completion)
        if completion.choices:
            said = completion.choices[0]
            text, cut_off = said.message.content or said.message.refusal or "", said.finish_reason == "length"
            likely = logprobs_of(said.logprobs)
            mean = sum(likely) / len(likely) if likely else None
            return Answer(text, cut_off, entry, mean, min(likely, default=None))
    try:
        told = msgspec.json.decode(call.body, type=_Failure).error
    except msgspec.MsgspecError:
        told = _Error("the answer broke off")
    code = told.code or entry.error_code or ""
    after = call.headers.get(b"retry-after")
    wait_s = None if after is None else float(after)
    if entry.state == "refused":
        return Refused(call.status, code, told.message, entry.rule, wait_s, entry)
    return Unanswered(call.status, code, told.message, wait_s, entry)
