"""What a session made of a decision, as the decision tells it."""

from __future__ import annotations

from typing import Literal

import msgspec

Verdict = Literal["stayed", "moved", "must stay", "escalated"]


class Continuity(msgspec.Struct, frozen=True):
    """`verdict`, and one sentence for people why.

    `held` is the deployment that the conversation was with, None where it is not known or no candidate any more. `cached_tokens`
    is how much of the prompt its provider may still hold. `failures` is how often in a row its answers were seen to fail.
    """

    verdict: Verdict
    reason: str
    held: str | None = None
    cached_tokens: int = 0
    failures: int = 0
