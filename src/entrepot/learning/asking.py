"""What a collection needs of whoever asks deployments for it: an exchange like a client's, and what came of it.

Rules of this file: what is asked is refused, fails or is answered, and none of the three is an exception. The gateway in this
process (`server/in_process.py`) is what asks.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import msgspec

from entrepot.exchange.planning import Considered
from entrepot.exchange.records import Entry
from entrepot.exchange.refusing import Refusal


class Answer(msgspec.Struct, frozen=True):
    """What a deployment answered. `cut_off` says that its length was at the limit.

    `mean_logprob` and `least_logprob` are of the log-probabilities of the text's tokens, None where they were not told.
    """

    text: str
    cut_off: bool
    entry: Entry
    mean_logprob: float | None = None
    least_logprob: float | None = None


class Unanswered(msgspec.Struct, frozen=True):
    """A call that brought no answer: the status and words that a client would have got."""

    status: int
    code: str
    reason: str
    retry_after_s: float | None
    entry: Entry


class Refused(msgspec.Struct, frozen=True):
    """Nobody was asked: a rule, a budget or a limit of ours says no. `rule` names the rule, where it was one."""

    status: int
    code: str
    reason: str
    rule: str | None
    retry_after_s: float | None
    entry: Entry


Reply = Answer | Unanswered | Refused


class Asker(Protocol):
    """Asks for one key."""

    def consider(self, body: Mapping[str, Any], /) -> Considered | Refusal:
        """What would be decided for this chat request, without asking anyone. Raises InvalidRequest."""
        ...

    async def ask(self, body: Mapping[str, Any], /) -> Reply:
        """Ask with the body of a chat request, whose `model` may be a route, a model or a deployment."""
        ...
