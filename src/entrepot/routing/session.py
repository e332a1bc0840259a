"""A conversation as one request meets it, and what is remembered of its latest turn.

Rules of this file: frozen values. What becomes of a decision is in `settling.py`, how a session is recognised and remembered
in `exchange/sessions.py`.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from entrepot.routing.conversation import Conversation

MOST_REPEATS = 5
"""The same request more often than this is a program that asks on schedule, nobody who is dissatisfied."""
REPEATED_WITHIN_S = 600.0


class Remembered(msgspec.Struct, frozen=True):
    """What is kept of a conversation's latest turn: digests, counts and times, no text.

    `deployment` is 64 bits of its id's digest. `prefix` and `asked` are those of the turn's request (see Conversation), the first
    cut to 32 bits. `cached_tokens` are those that its provider may hold, for `lifetime_s` after `at_s` (Unix seconds). By `seed`
    (32 bits) whatever is drawn by lot is drawn for the session as one. `repeats` counts how often that same request came again,
    `failed` how many answers in a row failed the route's check and were sent for want of a better one; `forgiven` failures led
    to an escalation already. `exchange` are the 16 bytes of the id of the exchange that answered, empty where they are not known.
    `trial` (16 bits) stands for the arm of a trial that the session began in, 0 for none.
    """

    deployment: int
    prefix: int
    asked: int
    at_s: float
    cached_tokens: int = 0
    lifetime_s: int = 0
    seed: int = 0
    repeats: int = 0
    forgiven: int = 0
    escalated: bool = False
    failed: int = 0
    exchange: bytes = b""
    trial: int = 0


class Worth(msgspec.Struct, frozen=True):
    """What a cached prefix is worth at one candidate, in dollars a request against its full price, negative where cold is dearer.

    `now_usd`: on this turn, with what is cached there already; `later_usd`: on every later turn, once it has read the prompt.
    """

    now_usd: float = 0.0
    later_usd: float = 0.0


class Session(msgspec.Struct, frozen=True):
    """A conversation as one request meets it.

    `keys` are where its turn will be remembered, `found` what is remembered of the turn before. `held` is the deployment that it
    is with, None where that is not known or no candidate for this request. `warm`: the turn before was so lately that what its
    provider cached is held still, `cached_tokens` of it. `readers` are the candidates that can read the reasoning which
    going on needs, empty where none is needed. `repeats` counts how often this same request was answered already. By `seed`
    whatever is drawn by lot is drawn for the session as one. `trial` is what will be remembered of a
    trial's arm. `worth` is what a cache saves, by deployment.
    """

    conversation: Conversation
    keys: tuple[bytes, ...]
    at_s: float
    found: Remembered | None = None
    held: str | None = None
    warm: bool = False
    cached_tokens: int = 0
    repeats: int = 0
    seed: int = 0
    trial: int = 0
    readers: frozenset[str] = frozenset()
    worth: Mapping[str, Worth] = msgspec.field(default_factory=dict)

    @property
    def failures(self) -> int:
        """How often in a row what was answered did not do, since the session last escalated."""
        return max(0, self.seen_failing - (0 if self.found is None else self.found.forgiven))

    @property
    def seen_failing(self) -> int:
        """How often in a row what was answered did not do: the same request again, what the conversation shows, our own check."""
        repeats = self.repeats if self.repeats <= MOST_REPEATS else 0
        return repeats + self.conversation.failures + (0 if self.found is None else self.found.failed)

    @property
    def must_stay(self) -> bool:
        """Whether the answer that has begun can only go on where it began, as far as that is known."""
        return self.conversation.open and (self.held is not None or bool(self.readers))
