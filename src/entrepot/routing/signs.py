"""Signs that the answer before did not do, as a conversation's next request shows them.

Rules of this file: pure, and asked after a request was answered, never before. A sign is a guess: a person may say the same thing
again for other reasons, so its word weighs little (`exchange/outcome.py`), and what looks like a program's doing is no sign.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from entrepot.canonical.request import Message
from entrepot.routing.conversation import LEAST_REPEATED, complains, is_error, results_in, text_in, turns_of

Sign = Literal["regenerated", "rephrased", "tool_error", "rejected", "bad_json"]
"""The same request came again · the next turn says the last one in other words · every tool that the answer called failed · the
client's own validation found the answer invalid · JSON was asked for, and the answer is none."""

LONGEST_REPHRASED = 400
"""Characters. What is longer nobody types anew: it is a program's template, alike each time."""
ALIKE = 0.5
"""From this share of common trigrams on, of all that either has (Jaccard), two texts say the same in other words. Not measured on
people: of two questions that only share a topic, the tests' have under 0.3."""


def sign_of(messages: Sequence[Message]) -> Sign | None:
    """What the last turn says of the answer before it, None if nothing."""
    turns = turns_of(messages)
    if len(turns) < 2 or turns[-1].answering or not turns[-2].answering:
        return None
    reply = turns[-1]
    results = results_in(reply)
    if results:
        return "tool_error" if all(is_error(result) for result in results) else None
    text = text_in(reply)
    if complains(text):
        return "rejected"
    before = turns[-3] if len(turns) > 2 else None
    if before is None or results_in(before):
        return None
    return "rephrased" if _is_rephrased(text, text_in(before)) else None


def _is_rephrased(text: str, before: str) -> bool:
    if any(len(each.encode("utf-8", "replace")) < LEAST_REPEATED for each in (text, before)):
        return False
    if max(len(text), len(before)) > LONGEST_REPHRASED:
        return False
    mine, theirs = _trigrams(text), _trigrams(before)
    return len(mine & theirs) >= ALIKE * len(mine | theirs)


def _trigrams(text: str) -> set[str]:
    plain = " ".join(text.casefold().split())
    return {plain[at : at + 3] for at in range(max(1, len(plain) - 2))}
