"""What comes in about exchanges that are over: feedback from those who asked, verdicts from webhooks."""

from __future__ import annotations

from collections.abc import Callable

from entrepot.errors import LedgerError, Unavailable
from entrepot.exchange.outcome import Outcome
from entrepot.exchange.records import Entry
from entrepot.policy.rules import Principal
from entrepot.server.call import Call
from entrepot.server.decisions import entry_of
from entrepot.server.feedback import feedback_of, may_judge, parse_feedback, render_feedback
from entrepot.server.http import answer, read_body
from entrepot.server.verdicts import MAX_BYTES, PATH, Verdicts
from entrepot.settings.schema import GatewaySettings

_JSON = ((b"content-type", b"application/json"),)


class Outcomes:
    """Two endpoints. `keep` writes an outcome down, and raises LedgerError where it cannot."""

    def __init__(
        self,
        settings: GatewaySettings,
        find_entry: Callable[[str], Entry | None],
        verdicts: Verdicts,
        keep: Callable[[Outcome], None],
    ) -> None:
        self._settings = settings
        self._find_entry = find_entry
        self._verdicts = verdicts
        self._keep = keep

    async def take_feedback(self, call: Call, principal: Principal) -> None:
        """Answer `POST /v1/feedback`. Raises InvalidRequest, NotFound or Unavailable."""
        wire = parse_feedback(await self._read(call, self._settings.max_body_bytes))
        await entry_of(self._find_entry, wire.exchange, lambda entry: may_judge(entry, principal))
        feedback = feedback_of(wire, principal, call.id, call.started_ns)
        try:
            self._keep(feedback)
        except LedgerError as error:  # unlike an answer, nothing is lost by telling: it can be sent again
            raise Unavailable(f"feedback cannot be written down: {error.message}") from error
        await answer(call.send, 200, _JSON, render_feedback(feedback))

    async def take_verdict(self, call: Call) -> None:
        """Answer `POST /v1/verdicts/{name}`. Raises what `Verdicts.take` does."""
        name = call.scope["path"][len(PATH) :]
        self._verdicts.find(name)  # before anything is read: whoever sends is not known yet
        body = await self._read(call, MAX_BYTES)
        told = self._verdicts.take(name, call.headers, body, call.started_ns)
        await answer(call.send, 200, _JSON, told)

    async def _read(self, call: Call, max_bytes: int) -> bytes:
        body = await read_body(call.receive, call.headers, max_bytes, self._settings.body_timeout_s)
        call.received = True
        return body
