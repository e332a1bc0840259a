"""What `POST /v1/feedback` takes: a score or a label for an exchange, from the program that asked or from its user.

Rules of this file: no word of anybody's own is taken: what is said stays in the ledger for good, and no text of people belongs
there. A label that is not known is kept and says nothing of quality.
"""

from __future__ import annotations

import math
import re
from typing import Literal

import msgspec

from entrepot.errors import InvalidRequest
from entrepot.exchange.outcome import Outcome
from entrepot.exchange.records import Entry
from entrepot.policy.rules import Principal

PATH = "/v1/feedback"

SCORES = {
    "good": 1.0,
    "correct": 1.0,
    "accepted": 1.0,
    "up": 1.0,
    "bad": 0.0,
    "wrong": 0.0,
    "rejected": 0.0,
    "down": 0.0,
}
"""The labels that say something of quality, and what."""

_LABEL = re.compile(r"[a-z0-9][a-z0-9_.-]{0,39}")
_ID_CHARS = 36


FeedbackSource = Literal["program", "user"]
"""Who says it: the program that asked, or whoever used it."""


class WireFeedback(msgspec.Struct, frozen=True):
    """The body. `exchange` is the id from the header x-entrepot-exchange; a score, a label or both."""

    exchange: str
    score: float | None = None
    label: str | None = None
    source: FeedbackSource = "user"


_DECODER = msgspec.json.Decoder(WireFeedback)


def parse_feedback(body: bytes) -> WireFeedback:
    """The body as a value. Raises InvalidRequest."""
    try:
        wire = _DECODER.decode(body)
    except msgspec.MsgspecError as error:
        raise InvalidRequest(f"the feedback cannot be read: {error}") from error
    if len(wire.exchange) != _ID_CHARS:
        raise InvalidRequest("`exchange` is the id from the header x-entrepot-exchange", param="exchange")
    if wire.score is None and wire.label is None:
        raise InvalidRequest("feedback is a `score` from 0 to 1, a `label`, or both; here is neither", param="score")
    if wire.score is not None and not (math.isfinite(wire.score) and 0 <= wire.score <= 1):
        raise InvalidRequest(f"a score lies between 0 and 1; this one is {wire.score}", param="score")
    if wire.label is not None and not _LABEL.fullmatch(wire.label):
        raise InvalidRequest(
            "a label is up to 40 small letters, digits, dots, dashes and underscores: it is no place for text",
            param="label",
        )
    return wire


def may_judge(entry: Entry, principal: Principal) -> bool:
    """Whether this key made the exchange, or is of the team that did."""
    return entry.key == principal.key or (entry.team is not None and entry.team == principal.team)


def feedback_of(wire: WireFeedback, principal: Principal, id_: str, given_ns: int) -> Outcome:
    """What is written down. A score that is given stands above what the label would say."""
    score = wire.score if wire.score is not None or wire.label is None else SCORES.get(wire.label)
    return Outcome(id_, wire.exchange, given_ns, wire.source, principal.key or "", score, wire.label)


def render_feedback(feedback: Outcome) -> bytes:
    """The answer: what was understood."""
    return msgspec.json.encode(
        {
            "object": "entrepot.feedback",
            "id": feedback.id,
            "exchange": feedback.exchange,
            "source": feedback.source,
            "score": feedback.score,
            "label": feedback.label,
        }
    )
