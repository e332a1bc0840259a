"""Small answers of a ledger: what was spent, what a router expected, what shadows were asked beside what was sent."""

from __future__ import annotations

import msgspec


class Shadowed(msgspec.Struct, frozen=True):
    """What was asked of one deployment beside one route's exchanges: how often, how often it answered in full, for how much.

    `both` are those of which the costs of both answers are known, `both_nano_usd` of the shadows and `sent_nano_usd` of what was
    sent. Of those in which either answer calls tools (`calls`) `same_calls` call the same.
    """

    route: str | None
    deployment: str
    shadows: int
    completed: int
    cost_nano_usd: int
    both: int
    both_nano_usd: int
    sent_nano_usd: int
    calls: int
    same_calls: int


class Paired(msgspec.Struct, frozen=True):
    """How the answer of a deployment that was asked beside fared: 1 it was the better, 0 what was sent was, one half neither.

    What has the same `unit` is of one session.
    """

    route: str | None
    deployment: str
    unit: int
    score: float


class Spending(msgspec.Struct, frozen=True):
    """What budgets were charged for the exchanges of one key, team and route together."""

    key: str | None
    team: str | None
    route: str | None
    nano_usd: int


class Expectation(msgspec.Struct, frozen=True):
    """What the router expected of the exchanges of a route that one deployment answered: sums of P(correct).

    `referred` of them had a reference to be set against, for which the sums are `referred_p_correct` and `p_reference`.
    """

    route: str | None
    deployment: str | None
    model: str | None
    exchanges: int
    p_correct: float
    p_best: float
    referred: int
    referred_p_correct: float
    p_reference: float
