from __future__ import annotations

import hmac
import json

import pytest

from entrepot.errors import InvalidRequest, LedgerError, NotFound, Unavailable
from entrepot.exchange.outcome import Outcome
from entrepot.exchange.records import Entry
from entrepot.ledger.checks import sample_entry
from entrepot.policy.rules import Principal
from entrepot.server.call import Call
from entrepot.server.http import AsgiAsker, Message
from entrepot.server.outcomes import Outcomes
from entrepot.server.verdicts import Verdicts
from entrepot.settings.schema import GatewaySettings, VerdictSettings

ENTRY = sample_entry(0)
OWNER = Principal(key=ENTRY.key, team=ENTRY.team)
HOOK = VerdictSettings("tests", "env:S", "/id", "/passed", "github")


class Talked:
    """One call with a body, and what is answered to it."""

    def __init__(self, body: object, path: str = "/v1/feedback", **headers: str) -> None:
        self.sent: list[Message] = []
        data = json.dumps(body).encode()
        named = {name.replace("_", "-").encode(): value.encode() for name, value in headers.items()}

        async def receive() -> Message:
            return {"type": "http.request", "body": data, "more_body": False}

        async def send(message: Message) -> None:
            self.sent.append(message)

        scope = {"path": path, "method": "POST", "query_string": b"", "type": "http"}
        self.call = Call(scope, receive, AsgiAsker(receive, send), send, named, "a-new-id", 7, 0.0)

    @property
    def answer(self) -> dict[str, object]:
        told: dict[str, object] = json.loads(self.sent[1]["body"])
        return told


def endpoints(kept: list[Outcome], *, full: bool = False) -> Outcomes:
    def keep(outcome: Outcome) -> None:
        if full:
            raise LedgerError("no room")
        kept.append(outcome)

    def find(id_: str) -> Entry | None:
        return ENTRY if id_ == ENTRY.id else None

    return Outcomes(GatewaySettings(), find, Verdicts((HOOK,), lambda _: "s", keep), keep)


async def test_feedback_on_ones_own_exchange_is_kept_and_understood() -> None:
    kept: list[Outcome] = []
    talked = Talked({"exchange": ENTRY.id, "score": 0.5, "source": "program"})
    await endpoints(kept).take_feedback(talked.call, OWNER)
    assert kept == [Outcome("a-new-id", ENTRY.id, 7, "program", ENTRY.key or "", 0.5)]
    assert (talked.answer["id"], talked.answer["score"]) == ("a-new-id", 0.5)
    assert talked.call.received


async def test_feedback_on_anybody_elses_is_refused() -> None:
    kept: list[Outcome] = []
    for exchange, principal in ((ENTRY.id, Principal(key="other")), (sample_entry(1).id, OWNER)):
        with pytest.raises(NotFound):
            await endpoints(kept).take_feedback(Talked({"exchange": exchange, "score": 1}).call, principal)
    with pytest.raises(InvalidRequest):
        await endpoints(kept).take_feedback(Talked({"exchange": ENTRY.id}).call, OWNER)
    assert kept == []


async def test_what_cannot_be_written_down_can_be_sent_again() -> None:
    with pytest.raises(Unavailable, match="no room"):
        await endpoints([], full=True).take_feedback(Talked({"exchange": ENTRY.id, "score": 1}).call, OWNER)


async def test_a_verdict_is_taken_by_the_name_in_its_path() -> None:
    kept: list[Outcome] = []
    with pytest.raises(NotFound):
        await endpoints(kept).take_verdict(Talked({}, "/v1/verdicts/others").call)
    body = {"id": ENTRY.id, "passed": True}
    signature = "sha256=" + hmac.new(b"s", json.dumps(body).encode(), "sha256").hexdigest()
    talked = Talked(body, "/v1/verdicts/tests", x_hub_signature_256=signature)
    await endpoints(kept).take_verdict(talked.call)
    assert talked.answer["kept"] == 1
    assert [(one.exchange, one.who, one.score) for one in kept] == [(ENTRY.id, "tests", 1.0)]
