"""Limits: how much may be asked in a minute and at once, by whom and of whom.

Rules of this file: pure. A minute is the last sixty seconds and the one under way, counted by the second, so never more than
the limit falls into any sixty seconds. Caller limits (key, team, route) hold for an exchange as a whole; target limits
(model, deployment) for each of its attempts.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Literal, NamedTuple

import msgspec

from entrepot.policy.budgets import EACH
from entrepot.policy.rules import Principal

WINDOW_S = 60
Measure = Literal["requests", "tokens", "concurrent"]


class Limits(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """At most so many requests and tokens (read and written) in a minute, and so many requests at once; None: no limit.

    A request that finds them reached waits up to `queue_s` where that is set, unless `queue_length` wait already.
    """

    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None
    concurrent: int | None = None
    queue_s: float = 0.0
    queue_length: int = 100

    def of(self, measure: Measure) -> int | None:
        """The limit of a measure."""
        if measure == "requests":
            return self.requests_per_minute
        return self.tokens_per_minute if measure == "tokens" else self.concurrent


class Limit(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Limits of one key, team, route, model or deployment; `*`: of each of them."""

    name: str
    limits: Limits
    key: str | None = None
    team: str | None = None
    route: str | None = None
    model: str | None = None
    deployment: str | None = None


class Ceiling(NamedTuple):
    """One measure of one limit in force: its account, how much it admits, and whose limit it is, in words."""

    account: str
    measure: Measure
    amount: int
    told: str
    limits: Limits


MEASURES: tuple[Measure, ...] = ("requests", "tokens", "concurrent")
CALLER_FIELDS = ("key", "team", "route")
TARGET_FIELDS = ("model", "deployment")


def check_limit(limit: Limit) -> list[tuple[str, str]]:
    """What cannot be meant in a limit, as pairs of field and sentence."""
    wrong: list[tuple[str, str]] = []
    scopes = [field for field in (*CALLER_FIELDS, *TARGET_FIELDS) if getattr(limit, field) is not None]
    if len(scopes) != 1:
        wrong.append(("name", "a limit is for exactly one of key, team, route, model, deployment"))
    return wrong + [(f"limits.{field}", text) for field, text in check_limits(limit.limits)]


def check_limits(limits: Limits) -> list[tuple[str, str]]:
    """What cannot be meant in limits, as pairs of field and sentence."""
    wrong: list[tuple[str, str]] = []
    named = {"requests_per_minute", "tokens_per_minute", "concurrent"}
    for field in sorted(named):
        amount = getattr(limits, field)
        if amount is not None and not 1 <= amount <= 10**12:
            wrong.append((field, "is at least 1; leave it out for no limit"))
    if all(getattr(limits, field) is None for field in named):
        wrong.append(("requests_per_minute", "nothing is limited: give one of " + ", ".join(sorted(named))))
    if not 0 <= limits.queue_s <= 300:
        wrong.append(("queue_s", "is from 0 to 300 seconds"))
    return wrong


class LimitBook:
    """All limits of an installation. `line_of` gives a team and all that it is part of, `weights` how teams share (others 1)."""

    def __init__(
        self,
        limits: Sequence[Limit],
        deployments: Mapping[str, Limits] | None = None,
        line_of: Callable[[str | None], tuple[str, ...]] = lambda team: () if team is None else (team,),
        weights: Mapping[str, float] | None = None,
    ) -> None:
        self._weights = dict(weights or {})
        self._callers = tuple(one for one in limits if any(getattr(one, field) for field in CALLER_FIELDS))
        self._targets = tuple(one for one in limits if any(getattr(one, field) for field in TARGET_FIELDS))
        self._deployments = dict(deployments or {})
        self._line_of = line_of

    def weight_of(self, party: str) -> float:
        """How often this party is served while others wait, beside one of weight 1."""
        return self._weights.get(party, 1.0)

    @property
    def has_targets(self) -> bool:
        """Whether any model or deployment is limited."""
        return bool(self._targets or self._deployments)

    @property
    def is_empty(self) -> bool:
        """Whether nothing is limited."""
        return not (self._callers or self.has_targets)

    def of_caller(self, principal: Principal, route: str | None) -> tuple[Ceiling, ...]:
        """What an exchange as a whole is held to."""
        if not self._callers:
            return ()
        have = {"key": (principal.key,), "team": self._line_of(principal.team), "route": (route,)}
        return tuple(_ceilings(self._callers, CALLER_FIELDS, have))

    def of_target(self, model: str, deployment: str) -> tuple[Ceiling, ...]:
        """What an attempt at this deployment is held to."""
        if not self.has_targets:
            return ()
        have = {"model": (model,), "deployment": (deployment,)}
        found = list(_ceilings(self._targets, TARGET_FIELDS, have))
        own = self._deployments.get(deployment)
        if own is not None:
            found.extend(_measures(own, f"upstream\t{deployment}", f"deployment '{deployment}'"))
        return tuple(found)


def _ceilings(
    limits: Sequence[Limit], fields: Sequence[str], have: Mapping[str, Sequence[str | None]]
) -> list[Ceiling]:
    found: list[Ceiling] = []
    for limit in limits:
        for field in fields:
            wanted = getattr(limit, field)
            for one in have[field] if wanted is not None else ():
                if one is not None and wanted in (EACH, one):
                    found.extend(_measures(limit.limits, f"{limit.name}\t{field}={one}", f"{field} '{one}'"))
    return found


def _measures(limits: Limits, scope: str, told: str) -> list[Ceiling]:
    return [
        Ceiling(f"limit\t{scope}\t{measure}", measure, amount, told, limits)
        for measure in MEASURES
        if (amount := limits.of(measure)) is not None
    ]
