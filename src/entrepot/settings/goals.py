"""What a route's table says of its goal: which keys belong to which goal, and what is missing."""

from __future__ import annotations

from collections.abc import Sequence

from entrepot.catalog.nearest import did_you_mean
from entrepot.catalog.schema import Deployment
from entrepot.routing.utility import Goal
from entrepot.settings.lines import Path
from entrepot.settings.problems import Problems, quote
from entrepot.settings.route_table import RouteTable

DEFAULT_MAX_LOSS = 0.02

# Which keys mean something with which goal; the first is the one that the goal cannot do without.
_KEYS = {
    "cheapest_within": ("max_loss", "confidence"),
    "weighted": ("worth_usd", "max_cost_usd"),
    "best_under": ("max_cost_usd",),
    "shares": ("shares",),
}
_NEEDS = {
    "weighted": "weighted needs what a right answer is worth, in dollars",
    "best_under": "best_under needs the most that one request may cost",
    "shares": 'shares needs each deployment\'s share, such as { "openai/gpt-4o" = 0.5, "deepseek/deepseek-chat" = 0.5 }',
}
_ROUNDING = 1e-6


def resolve_goal(
    table: RouteTable, candidates: Sequence[Deployment], path: Path, problems: Problems, *, whole: bool
) -> Goal:
    """The goal that the table means. `whole`: every deployment was understood, so that one which is missing is a mistake."""
    given = {name: getattr(table, name) for keys in _KEYS.values() for name in keys}
    for name, value in given.items():
        if value is not None and name not in _KEYS[table.goal]:
            problems.add((*path, name), f"has no meaning with {table.goal}; {_remedy(name)}")
    if table.goal in _NEEDS and given[_KEYS[table.goal][0]] is None:
        problems.add(path, f"'{_KEYS[table.goal][0]}' is missing: {_NEEDS[table.goal]}")
    if table.strategy != "before" and table.confidence is not None:
        told = (
            "is about the model that is chosen before the call, and not about a strategy's answers; remove one of them"
        )
        problems.add((*path, "confidence"), told)
    shares = {} if table.shares is None else table.shares
    _check_shares(shares, candidates, (*path, "shares"), problems, whole=whole)
    return Goal(
        kind=table.goal,
        max_loss=DEFAULT_MAX_LOSS if table.max_loss is None else table.max_loss,
        max_cost_usd=table.max_cost_usd,
        confidence=table.confidence,
        worth_usd=table.worth_usd,
        shares=tuple(shares.items()),
    )


def _remedy(name: str) -> str:
    goals = [f'goal = "{goal}"' for goal, keys in _KEYS.items() if name in keys]
    return f"remove it, or set {' or '.join(goals)}"


def _check_shares(
    shares: dict[str, float], candidates: Sequence[Deployment], path: Path, problems: Problems, *, whole: bool
) -> None:
    known = [one.id for one in candidates]
    for name in shares:
        if whole and name not in known:
            problems.add((*path, name), f"{quote(name)} is none of the candidates{did_you_mean(name, known)}")
    if shares and abs(sum(shares.values()) - 1) > _ROUNDING:
        problems.add(path, f"the shares sum to {sum(shares.values()):g}, and must sum to 1")
