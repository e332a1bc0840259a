"""Stored exchanges with what the ledger knows of them, for tests of the export."""

from __future__ import annotations

import msgspec

from entrepot.canonical.request import Message, Request, Text
from entrepot.canonical.response import Choice, FinishReason, Response
from entrepot.exchange.outcome import Outcome, OutcomeSource
from entrepot.exchange.records import Entry, Served
from entrepot.ledger.checks import FIRST_NS, SAMPLE_SERVED, sample_entry
from entrepot.ledger.content.answer import seal_said
from entrepot.ledger.content.record import Kept, Said
from entrepot.ledger.content.seal import Seals

MINE = msgspec.structs.replace(
    SAMPLE_SERVED, deployment="ours/qwen3-32b", model="qwen3-32b", provider="vllm", on_premises=True, region="LOCAL"
)
"""A model under Apache-2.0 on the operator's own machines."""
SECOND_NS = 1_000_000_000


def said_of(
    question: str, answer: str = "An answer.", *earlier: Message, reason: FinishReason = "stop", complete: bool = True
) -> Said:
    request = Request("auto", (*earlier, Message("user", (Text(question),))))
    return Said(request, 200, complete, Response("r", "m", 1, (Choice(0, (Text(answer),), reason),)))


def kept_of(number: int, said: Said, *, key: str = "alice", route: str = "auto", seals: Seals | None = None) -> Kept:
    """The record of the exchange of `entry_of` the same number."""
    exchange = sample_entry(number).id
    empty = Kept(
        exchange, FIRST_NS + number * SECOND_NS, key, None, route, "openai-chat", 1 << 40, "said", None, 0, b""
    )
    return seal_said(empty, said, seals or Seals())


def entry_of(number: int, served: Served | None = MINE) -> Entry:
    return msgspec.structs.replace(sample_entry(number), served=served, key="alice")


def feedback_on(number: int, score: float, *, source: OutcomeSource = "user", at: int = 0) -> Outcome:
    id_ = f"feedback-{number}-{source}-{at}"
    return Outcome(id_, sample_entry(number).id, FIRST_NS + at, source, "alice", score)
