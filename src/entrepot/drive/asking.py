"""An exchange of our own, without a server: asked as a body, answered as text, by the same plan, rules and spool as a client's.

Rules of this file: what is asked goes through the gate like any request, for a principal that is named; what came of it is
an answer, a failure or a refusal, and never an exception.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from entrepot.dialects.openai_chat import OpenAIChat
from entrepot.drive.driver import Driver, Upstream
from entrepot.drive.identity import new_exchange_id
from entrepot.errors import EntrepotError, InvalidRequest
from entrepot.exchange.commands import Headers
from entrepot.exchange.course import Course
from entrepot.exchange.entries import refusal_entry
from entrepot.exchange.planning import Considered, Planner, Steering
from entrepot.exchange.records import Entry
from entrepot.exchange.refusing import Refusal
from entrepot.policy.rules import Principal


class Answer(msgspec.Struct, frozen=True):
    """What a deployment answered. `cut_off` says that its length was at the limit."""

    text: str
    cut_off: bool
    entry: Entry


class Unanswered(msgspec.Struct, frozen=True):
    """A call that brought no answer: the status and words that a client would have got."""

    status: int
    code: str
    reason: str
    retry_after_s: float | None
    entry: Entry


class Refused(msgspec.Struct, frozen=True):
    """We did not ask: a rule, a budget or a limit of ours says no."""

    error: EntrepotError
    entry: Entry


class _Message(msgspec.Struct):
    content: str | None = None
    refusal: str | None = None


class _Choice(msgspec.Struct):
    message: _Message
    finish_reason: str | None = None


class _Completion(msgspec.Struct):
    choices: list[_Choice]


class _Error(msgspec.Struct):
    message: str = ""
    code: str | None = None


class _Failure(msgspec.Struct):
    error: _Error


class Asker:
    """Asks for one principal. Every exchange carries `steering` and is recorded like a client's."""

    def __init__(
        self,
        planner: Planner,
        upstream: Upstream,
        record: Callable[[Entry], None],
        principal: Principal,
        steering: Steering,
    ) -> None:
        self._planner = planner
        self._driver = Driver(upstream, self._note)
        self._record = record
        self._principal = principal
        self._steering = steering
        self._entries: dict[str, Entry] = {}

    def consider(self, body: Mapping[str, Any]) -> Considered | Refusal:
        """What would be decided for this chat request, without asking anyone. Raises InvalidRequest."""
        asked = OpenAIChat.parse_request(msgspec.json.encode(body))
        return self._planner.consider(asked.request, self._principal, self._steering, None, time.time())

    async def ask(self, body: Mapping[str, Any]) -> Answer | Unanswered | Refused:
        """Ask with the body of a chat request, whose `model` may be a route, a model or a deployment."""
        started_ns, started_s = time.time_ns(), time.monotonic()
        id_ = new_exchange_id(started_ns)
        try:
            asked = OpenAIChat.parse_request(msgspec.json.encode(body))
        except InvalidRequest as error:
            return self._refuse(id_, started_ns, started_s, str(body.get("model", "")), Refusal(error))
        planned = self._planner.plan(
            asked,
            OpenAIChat(),
            self._principal,
            self._steering,
            id=id_,
            started_ns=started_ns,
            started_s=started_s,
        )
        if isinstance(planned, Refusal):
            return self._refuse(id_, started_ns, started_s, asked.request.model, planned)
        client = _Listener()
        await self._driver.perform(Course(planned, time.monotonic).run(), client)
        return _read(client, self._entries.pop(id_))

    def _refuse(self, id_: str, started_ns: int, started_s: float, model: str, refusal: Refusal) -> Refused:
        entry = refusal_entry(
            id=id_,
            started_ns=started_ns,
            duration_ms=(time.monotonic() - started_s) * 1000,
            upload_ms=0.0,
            principal=msgspec.structs.replace(self._principal, tags=self._principal.tags | self._steering.tags),
            dialect=OpenAIChat.name,
            error=refusal.error,
            asked_model=model,
            route=refusal.route,
            decision=refusal.decision,
        )
        self._record(entry)
        return Refused(refusal.error, entry)

    def _note(self, entry: Entry) -> None:
        self._record(entry)
        self._entries[entry.id] = entry


class _Listener:
    """The other end of an exchange of ours: it takes everything and never leaves."""

    def __init__(self) -> None:
        self.status = 0
        self.headers: dict[bytes, bytes] = {}
        self.body = bytearray()

    async def send_head(self, status: int, headers: Headers) -> None:
        """Keep the head."""
        self.status, self.headers = status, dict(headers)

    async def send_body(self, data: bytes, end: bool) -> None:  # noqa: ARG002 - the end of the body is the end of `perform`
        """Keep the bytes."""
        self.body += data

    async def wait_gone(self) -> None:
        """It never leaves."""
        await asyncio.Event().wait()


def _read(client: _Listener, entry: Entry) -> Answer | Unanswered:
    if client.status == 200:
        completion = msgspec.json.decode(client.body, type=_Completion)
        if completion.choices:
            said = completion.choices[0]
            text = said.message.content or said.message.refusal or ""
            return Answer(text, said.finish_reason == "length", entry)
    try:
        told = msgspec.json.decode(client.body, type=_Failure).error
    except msgspec.MsgspecError:
        told = _Error("the answer broke off")
    after = client.headers.get(b"retry-after")
    return Unanswered(
        client.status,
        told.code or entry.error_code or "",
        told.message,
        None if after is None else float(after),
        entry,
    )
