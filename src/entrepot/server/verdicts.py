"""What `POST /v1/verdicts/{name}` takes: what came of exchanges later, told by the webhooks of other programs.

Rules of this file: nothing is believed that is not signed. A message that says nothing of any exchange of ours (most tickets
have none) is taken and let pass: a sender that is refused tries again for days, then stops. No word of a message is kept but one
that the settings name. The same message twice is one: an id is made of what is signed.

Two ways of signing are known. Standard Webhooks (https://github.com/standard-webhooks/standard-webhooks): base64 of the
HMAC-SHA256 of `id.timestamp.body`, and a timestamp that is not of now is refused. GitHub's (`x-hub-signature-256`, or Jira's
`x-hub-signature`: `sha256=` and hex of the body's) has no timestamp; said again it is the same outcome, and changes nothing.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import msgspec

from entrepot.errors import InvalidRequest, LedgerError, NotFound, SettingsError, Unauthenticated, Unavailable
from entrepot.exchange.outcome import Outcome, outcome_id
from entrepot.routing.pointer import pointed
from entrepot.settings.schema import VerdictSettings

PATH = "/v1/verdicts/"
MAX_BYTES = 4 * 1024 * 1024
"""A message is read whole before anybody knows who sends it."""
TOLERANCE_S = 300
"""How far a signed timestamp may be from our own clock: what Standard Webhooks recommends."""
MOST = 1000
"""Exchanges that one message may tell of."""

_EXCHANGE = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.IGNORECASE)
_NANO = 1_000_000_000


class Verdicts:
    """The webhooks of an installation: `read` reads a secret by its reference, `keep` writes an outcome down."""

    def __init__(
        self, webhooks: Sequence[VerdictSettings], read: Callable[[str], str], keep: Callable[[Outcome], None]
    ) -> None:
        self._webhooks = {one.name: one for one in webhooks}
        self._read = read
        self._keep = keep

    def find(self, name: str) -> VerdictSettings:
        """The webhook of this name. Raises NotFound."""
        webhook = self._webhooks.get(name)
        if webhook is None:
            raise NotFound(f"no [[verdicts]] is called '{name[:40]}'", code="verdict_not_found")
        return webhook

    def take(self, name: str, headers: Mapping[bytes, bytes], body: bytes, now_ns: int) -> bytes:
        """Write down what a message says; the answer. Raises NotFound, Unauthenticated, InvalidRequest or Unavailable."""
        webhook = self.find(name)
        try:
            secret = self._read(webhook.secret)
        except SettingsError as error:
            raise Unavailable(f"the secret of [[verdicts]] '{name}' cannot be read here") from error
        told = signed_id(webhook, secret, headers, body, now_ns // _NANO)
        found, passed_over = outcomes_of(webhook, body, told, now_ns)
        try:
            for outcome in found:
                self._keep(outcome)
        except LedgerError as error:  # whatever was kept is kept once, however often it comes
            raise Unavailable(f"what came of exchanges cannot be written down: {error.message}") from error
        return msgspec.json.encode({"object": "entrepot.verdicts", "kept": len(found), "passed_over": passed_over})


def signed_id(webhook: VerdictSettings, secret: str, headers: Mapping[bytes, bytes], body: bytes, now_s: float) -> str:
    """What tells the message from every other, all of it signed. Raises Unauthenticated where it is not signed, or not now."""
    if webhook.signature == "github":
        shown = headers.get(b"x-hub-signature-256") or headers.get(b"x-hub-signature", b"")
        wanted = b"sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest().encode()
        if not hmac.compare_digest(shown.strip(), wanted):
            raise _unsigned(webhook, "x-hub-signature-256 is not the HMAC-SHA256 of the body")
        return hashlib.sha256(body).hexdigest()
    id_, sent = headers.get(b"webhook-id", b""), headers.get(b"webhook-timestamp", b"")
    signed = hmac.new(_key(secret), b"%b.%b.%b" % (id_, sent, body), hashlib.sha256).digest()
    wanted = b"v1," + base64.b64encode(signed)
    shown_ones = headers.get(b"webhook-signature", b"").split()
    if not id_ or not any(hmac.compare_digest(one, wanted) for one in shown_ones):
        raise _unsigned(webhook, "no signature in webhook-signature fits webhook-id, webhook-timestamp and the body")
    if not sent.isdigit() or abs(now_s - int(sent)) > TOLERANCE_S:
        raise _unsigned(webhook, f"webhook-timestamp is more than {TOLERANCE_S} s from the time here")
    return id_.decode("latin-1")


def outcomes_of(webhook: VerdictSettings, body: bytes, told: str, now_ns: int) -> tuple[tuple[Outcome, ...], int]:
    """What a message says of exchanges, and how many of its parts say nothing. Raises InvalidRequest."""
    try:
        message = msgspec.json.decode(body)
    except msgspec.MsgspecError as error:
        raise InvalidRequest("the message is not JSON") from error
    found: list[Outcome] = []
    parts = list(_parts(webhook, message))
    if len(parts) > MOST:
        raise InvalidRequest(f"the message tells of {len(parts):,} exchanges; {MOST:,} are taken at once")
    for number, part in enumerate(parts):
        exchange, value = _at(part, webhook.exchange), _at(part, webhook.value)
        score, label = _score(webhook, value)
        if score is None or not isinstance(exchange, str) or not _EXCHANGE.fullmatch(exchange):
            continue
        exchange = exchange.lower()
        id_ = outcome_id("verdict", webhook.name, told, str(number), exchange)
        found.append(Outcome(id_, exchange, now_ns, "verdict", webhook.name, score, label, webhook.weight))
    return tuple(found), len(parts) - len(found)


def _parts(webhook: VerdictSettings, message: object) -> Iterator[object]:
    if webhook.each is None:
        yield message
        return
    several = _at(message, webhook.each)
    if isinstance(several, list):
        yield from several


def _at(value: object, pointer: str) -> object:
    try:
        return pointed(value, pointer)
    except (LookupError, ValueError):
        return None


def _score(webhook: VerdictSettings, value: Any) -> tuple[float | None, str | None]:  # noqa: ANN401 - any JSON
    """What a value is worth, and the word of the settings that it is."""
    word = str(value).lower() if isinstance(value, bool) else value
    if isinstance(word, str) and word in webhook.scores:
        return webhook.scores[word], word
    if isinstance(value, bool):
        return float(value), None
    if isinstance(value, int | float) and 0 <= value <= 1:
        return float(value), None
    return None, None


def _key(secret: str) -> bytes:
    """The bytes that messages are signed with: behind `whsec_` they stand in base64."""
    if not secret.startswith("whsec_"):
        return secret.encode()
    try:
        return base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    except (binascii.Error, ValueError):
        raise Unavailable("a secret that begins with whsec_ goes on in base64; this one does not") from None


def _unsigned(webhook: VerdictSettings, why: str) -> Unauthenticated:
    return Unauthenticated(f"the message is not signed as [[verdicts]] '{webhook.name}' says: {why}")
