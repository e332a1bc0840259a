"""Teams as a tree: what holds for a team holds for those below it.

Rules of this file: pure. A team that nobody describes has nobody above it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

MOST_WEIGHT = 1000


class Team(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A team, the team above it, and its weight: of two that wait, one of weight 2 is served twice as often as one of 1."""

    name: str
    parent: str | None = None
    weight: float = 1.0


def parents_of(teams: Iterable[Team]) -> dict[str, str]:
    """The team above each that has one. Of two teams of one name the first counts."""
    first: dict[str, Team] = {}
    for team in teams:
        first.setdefault(team.name, team)
    return {team.name: team.parent for team in first.values() if team.parent is not None}


def weights_of(teams: Iterable[Team]) -> dict[str, float]:
    """The weight of each that has another than 1. Of two teams of one name the first counts."""
    first: dict[str, float] = {}
    for team in teams:
        first.setdefault(team.name, team.weight)
    return {name: weight for name, weight in first.items() if weight != 1.0}


def check_weight(weight: float) -> str | None:
    """What is wrong with a team's weight; None if nothing is."""
    return None if 1 / MOST_WEIGHT <= weight <= MOST_WEIGHT else f"is from {1 / MOST_WEIGHT} to {MOST_WEIGHT}"


def teams_above(team: str | None, parents: Mapping[str, str]) -> tuple[str, ...]:
    """The teams above `team`, the nearest first; each once, also where they run in a circle."""
    above: list[str] = []
    at = None if team is None else parents.get(team)
    while at is not None and at != team and at not in above:
        above.append(at)
        at = parents.get(at)
    return tuple(above)


def runs_in_a_circle(team: str, parents: Mapping[str, str]) -> bool:
    """Whether `team` comes to stand above itself."""
    return any(parents.get(above) == team for above in (team, *teams_above(team, parents)))
