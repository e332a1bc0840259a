from __future__ import annotations

import base64
import hashlib
import hmac
from typing import Any

import msgspec
import pytest

from entrepot.errors import InvalidRequest, LedgerError, NotFound, SettingsError, Unauthenticated, Unavailable
from entrepot.exchange.outcome import Outcome
from entrepot.server.verdicts import MOST, TOLERANCE_S, Verdicts
from entrepot.settings.schema import VerdictSettings

NOW_S = 1_795_000_000
ID = "019b0000-0000-7000-8000-00000000000a"
TICKETS = VerdictSettings("tickets", "env:S", "/ticket/exchange", "/ticket/status", scores={"solved": 1, "reopened": 0})
EVALS = VerdictSettings("evals", "env:S", "/exchange", "/passed", "github", each="/results", weight=0.5)
SECRET = "a secret of the sender"


class Hook:
    """A sender's messages, and what is kept of them."""

    def __init__(self, secret: str = SECRET) -> None:
        self.kept: list[Outcome] = []
        self.secret = secret
        self.verdicts = Verdicts((TICKETS, EVALS), lambda _: self.secret, self.kept.append)

    def standard(self, message: Any, *, id_: str = "msg_1", sent_s: int = NOW_S, key: bytes | None = None) -> Any:
        """One signed as Standard Webhooks has it; what is answered."""
        body = message if isinstance(message, bytes) else msgspec.json.encode(message)
        signed = f"{id_}.{sent_s}.".encode() + body
        signature = base64.b64encode(hmac.new(key or SECRET.encode(), signed, hashlib.sha256).digest()).decode()
        headers = {"webhook-id": id_, "webhook-timestamp": str(sent_s), "webhook-signature": f"v1,bm90 v1,{signature}"}
        return self.take("tickets", body, headers)

    def github(self, message: Any, header: str = "x-hub-signature-256") -> Any:
        """One signed as GitHub does."""
        body = msgspec.json.encode(message)
        return self.take(
            "evals", body, {header: "sha256=" + hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()}
        )

    def take(self, name: str, body: bytes, headers: dict[str, str]) -> Any:
        """One as it is."""
        sent = {name.encode(): value.encode() for name, value in headers.items()}
        return msgspec.json.decode(self.verdicts.take(name, sent, body, NOW_S * 1_000_000_000))


def ticket(status: object, exchange: object = ID) -> dict[str, object]:
    return {"ticket": {"exchange": exchange, "status": status}, "text": "the customer was furious"}


def test_a_word_of_the_settings_is_kept_with_what_it_is_worth() -> None:
    hook = Hook()
    assert hook.standard(ticket("reopened")) == {"object": "entrepot.verdicts", "kept": 1, "passed_over": 0}
    (kept,) = hook.kept
    assert (kept.exchange, kept.source, kept.who, kept.score, kept.label) == (ID, "verdict", "tickets", 0.0, "reopened")
    assert (kept.given_ns, kept.weight) == (NOW_S * 1_000_000_000, 1.0)


def test_a_message_that_comes_again_is_the_same_outcome_and_the_next_is_another() -> None:
    hook = Hook()
    hook.standard(ticket("reopened"))
    hook.standard(ticket("reopened"), sent_s=NOW_S + 60)
    hook.standard(ticket("reopened"), id_="msg_2")
    first, again, other = (one.id for one in hook.kept)
    assert first == again != other


@pytest.mark.parametrize(
    "message",
    [ticket("open"), ticket("solved", None), ticket("solved", "4711"), {"ping": 1}, [], ticket(2), ticket(None)],
)
def test_what_says_nothing_of_an_exchange_is_taken_and_passed_over(message: object) -> None:
    hook = Hook()
    assert hook.standard(message)["passed_over"] == 1
    assert hook.kept == []


def test_one_message_may_tell_of_several_exchanges() -> None:
    hook = Hook()
    results = [{"exchange": ID.upper(), "passed": True}, {"exchange": ID[:-1] + "b", "passed": 0.25}, {"passed": True}]
    assert hook.github({"results": results})["kept"] == 2
    assert [(one.exchange, one.score, one.label, one.weight) for one in hook.kept] == [
        (ID, 1.0, None, 0.5),
        (ID[:-1] + "b", 0.25, None, 0.5),
    ]
    assert hook.github({"results": results}, "x-hub-signature")["kept"] == 2
    assert hook.kept[0].id == hook.kept[2].id != hook.kept[1].id
    with pytest.raises(InvalidRequest, match="1,001 exchanges"):
        hook.github({"results": [{}] * (MOST + 1)})


def test_a_secret_in_base64_is_what_it_stands_for() -> None:
    key = bytes(range(24))
    hook = Hook("whsec_" + base64.b64encode(key).decode())
    assert hook.standard(ticket("solved"), key=key)["kept"] == 1
    hook.secret = "whsec_no base64"
    with pytest.raises(Unavailable, match="base64"):
        hook.standard(ticket("solved"), key=key)


@pytest.mark.parametrize("sent_s", [NOW_S - TOLERANCE_S - 1, NOW_S + TOLERANCE_S + 1])
def test_a_message_that_is_not_of_now_is_refused(sent_s: int) -> None:
    with pytest.raises(Unauthenticated, match="300 s"):
        Hook().standard(ticket("solved"), sent_s=sent_s)


@pytest.mark.parametrize(
    "changed",
    [{"webhook-id": "msg_2"}, {"webhook-timestamp": str(NOW_S + 1)}, {"webhook-signature": ""}, {"webhook-id": ""}],
)
def test_whatever_is_not_signed_is_refused(changed: dict[str, str]) -> None:
    body = msgspec.json.encode(ticket("solved"))
    id_ = changed.get("webhook-id", "msg_1")
    signed = b"msg_1.%d." % NOW_S + body if id_ else b".%d." % NOW_S + body
    signature = base64.b64encode(hmac.new(SECRET.encode(), signed, hashlib.sha256).digest()).decode()
    headers = {
        "webhook-id": "msg_1",
        "webhook-timestamp": str(NOW_S),
        "webhook-signature": f"v1,{signature}",
        **changed,
    }
    with pytest.raises(Unauthenticated, match="not signed"):
        Hook().take("tickets", body, headers)
    with pytest.raises(Unauthenticated, match="not signed"):
        Hook().take("evals", body, headers)


def test_what_cannot_be_read_or_written_is_told() -> None:
    with pytest.raises(InvalidRequest, match="not JSON"):
        Hook().standard(b"exchange=1")
    with pytest.raises(NotFound):
        Hook().take("others", b"{}", {})

    def refuse(_: object) -> str:
        raise SettingsError("no TICKETS_SECRET")

    with pytest.raises(Unavailable, match="cannot be read here"):
        Verdicts((TICKETS,), refuse, lambda _: None).take("tickets", {}, b"{}", 0)

    def full(_: object) -> None:
        raise LedgerError("no room")

    hook = Hook()
    hook.verdicts = Verdicts((TICKETS,), lambda _: SECRET, full)
    with pytest.raises(Unavailable, match="no room"):
        hook.standard(ticket("solved"))
