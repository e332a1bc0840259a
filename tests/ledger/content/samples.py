"""Words that were said, for tests."""

from __future__ import annotations

import msgspec

from entrepot.canonical.request import Message, Request, Text
from entrepot.ledger.content.record import Kept, Sent
from entrepot.ledger.content.seal import Seals

OPEN = Seals()
BEGAN_NS = 1_767_225_600_000_000_000  # 2026-01-01T00:00:00Z
SECOND_NS = 1_000_000_000


def request(text: str = "What is an entrepôt?", *, stream: bool = False) -> Request:
    return Request("auto", (Message("user", (Text(text),)),), stream=stream)


def chat_answer(text: str = "A port.") -> bytes:
    return msgspec.json.encode(
        {
            "id": "chatcmpl-1",
            "object": "chat.completion",
            "created": 1,
            "model": "small",
            "choices": [{"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}],
        }
    )


def kept(
    number: int = 0,
    text: str = "What is an entrepôt?",
    answer: str = "A port.",
    *,
    key: str | None = "alice",
    team: str | None = None,
    route: str = "auto",
    seals: Seals = OPEN,
    keep_days: int = 30,
) -> Kept:
    """A record as a gateway writes it; number n began n seconds after 2026-01-01."""
    body = msgspec.msgpack.encode(Sent(request(text), 200, True, chat_answer(answer)))
    exchange = f"exchange-{number:04}"
    sealed_by, sealed = seals.seal(body, exchange, "sent")
    started_ns = BEGAN_NS + number * SECOND_NS
    keep_until_s = started_ns // SECOND_NS + keep_days * 86_400
    return Kept(
        exchange, started_ns, key, team, route, "openai-chat", keep_until_s, "sent", sealed_by, len(body), sealed
    )
