"""Who is at the control plane, and what they may do there.

Rules of this file: one table says which role may do what, and `docs/reference/admin.md` repeats it. A person who is confined
acts on their teams and those below; what is of no team, or of another, is not there for them. Nobody but an admin touches
members, so no role can give itself another.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from typing import Literal, NamedTuple

import msgspec

from entrepot.control.objects import Member, Role, Snapshot
from entrepot.control.store import Actor
from entrepot.errors import Forbidden
from entrepot.policy.teams import teams_above

Via = Literal["key", "session", "oidc"]
Permission = Literal[
    "read keys",
    "change keys",
    "read teams",
    "change teams",
    "read rules",
    "change rules",
    "read budgets",
    "change budgets",
    "read trials",
    "change trials",
    "read members",
    "change members",
    "read deployments",
    "read audit",
    "read content",
    "erase content",
]

_RANK: dict[Role, int] = {"viewer": 0, "operator": 1, "admin": 2}


class Grant(NamedTuple):
    """The least role that has a permission, and whether those who are confined to teams have it, over these."""

    least: Role
    confined: bool


GRANTS: dict[Permission, Grant] = {
    "read keys": Grant("viewer", confined=True),
    "change keys": Grant("operator", confined=True),
    "read teams": Grant("viewer", confined=True),
    "change teams": Grant("operator", confined=False),
    "read rules": Grant("viewer", confined=True),
    "change rules": Grant("operator", confined=False),
    "read budgets": Grant("viewer", confined=False),
    "change budgets": Grant("operator", confined=False),
    "read trials": Grant("viewer", confined=False),
    "change trials": Grant("operator", confined=False),
    "read members": Grant("admin", confined=False),
    "change members": Grant("admin", confined=False),
    "read deployments": Grant("viewer", confined=False),
    "read audit": Grant("viewer", confined=False),
    "read content": Grant("admin", confined=False),
    "erase content": Grant("admin", confined=False),
}


class Person(msgspec.Struct, frozen=True):
    """Somebody who signed in. `teams` are those that they are in."""

    name: str
    role: Role
    via: Via
    teams: tuple[str, ...] = ()
    confined: bool = False

    @property
    def actor(self) -> Actor:
        """As the trail of changes knows them."""
        return Actor(self.name, self.via)

    @property
    def is_admin(self) -> bool:
        """Whether they may do everything."""
        return self.role == "admin"


def require(person: Person, permission: Permission) -> None:
    """Raises Forbidden if the person may not."""
    grant = GRANTS[permission]
    if _RANK[person.role] < _RANK[grant.least]:
        raise Forbidden(f"to {permission} takes the role {grant.least}; {person.name} is {person.role}")
    if person.confined and not grant.confined:
        raise Forbidden(f"to {permission} is not for {person.name}, whose role is confined to teams")


def may(person: Person, permission: Permission) -> bool:
    """Whether the person may."""
    grant = GRANTS[permission]
    return _RANK[person.role] >= _RANK[grant.least] and (grant.confined or not person.confined)


def reaches(person: Person, team: str | None, parents: Mapping[str, str]) -> bool:
    """Whether what is of this team is there for the person."""
    if not person.confined:
        return True
    return team is not None and not {team, *teams_above(team, parents)}.isdisjoint(person.teams)


def person_of(member: Member, via: Via) -> Person:
    """The member who presented a key."""
    return Person(member.name, member.role, via, member.teams, member.confined)


def find_by_digest(snapshot: Snapshot, sha256: str, now_s: float) -> Member | None:
    """The member whose key has this digest and is valid."""
    for member in snapshot.members:
        for secret in member.secrets:
            valid = not member.disabled and (secret.until_s is None or secret.until_s > now_s)
            if hmac.compare_digest(secret.sha256, sha256) and valid:
                return member
    return None
