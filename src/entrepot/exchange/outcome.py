"""What came of an exchange, and who says so: one shape for a user's thumb, a check, a judge, a sign in the traffic, a verdict.

Rules of this file: an outcome is a number, a word from a closed alphabet and a name, never a text: it stays as long as the
entries do. Of one who said several things about one exchange the last counts; several of one source are averaged by weight,
because the exchange is what is counted. Ids are made of what they say, wherever the same thing may arrive twice.
"""

from __future__ import annotations

import hashlib
from typing import Literal

import msgspec

OutcomeSource = Literal["user", "person", "program", "verdict", "check", "judge", "file", "sign"]
"""Whoever had the answer · a person who was given it to judge, by lot · the program that asked ·
something that happened later, as a webhook tells it · a check named on the route · a model asked as judge · a file of another
tool · what the traffic shows by itself."""

PAIR = "pair"
"""The label of an outcome that compares two answers: 1 where this one is better, 0 where the other is, one half where neither."""
SIGN_WEIGHT = 0.2
"""A request that comes again is no proof that its first answer was bad. Not measured: it keeps signs from outweighing anybody
who had the answer before them."""
JUDGE_WEIGHT = 0.5
"""A judge that is right four times in five is worth less than a person. Not measured either: what a judge is worth on a
company's own traffic is told by the people who judged the same answers (`report quality`)."""


class Outcome(msgspec.Struct, frozen=True, tag="outcome", tag_field="record"):
    """One word about one exchange: a record of its own in the spool, beside the entries.

    `who` is the name of the client key, webhook, check, sign or kind of file, or the judge's model. `score` is in [0, 1], None
    where the label says nothing of quality. `weight`, above 0 and at most 1, is for how much of an observation it counts.
    `chance` is the probability with which this exchange was drawn to be asked about; None where nobody drew it.
    """

    id: str
    exchange: str
    given_ns: int
    source: OutcomeSource
    who: str
    score: float | None = None
    label: str | None = None
    weight: float = 1.0
    chance: float | None = None


def outcome_id(*parts: str) -> str:
    """The id of an outcome that may arrive more than once: the same for the same parts, 128 bits in hex."""
    told = b"".join(b"%d %b" % (len(part), part) for part in (each.encode("utf-8", "surrogatepass") for each in parts))
    return hashlib.sha256(told).hexdigest()[:32]
