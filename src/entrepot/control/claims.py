"""What an identity provider says of somebody, as a person of the control plane: pure.

Rules of this file: only groups that the settings name count. Somebody of whom no group counts is let in nowhere. A role comes of
the groups that are named for it, the highest first; who has none of these, but a team, is confined to it. A person is told by
the provider's own id for them, beside the name that they may have chosen.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from entrepot.control.objects import LONGEST_NAME, Role
from entrepot.control.people import Person
from entrepot.errors import Forbidden
from entrepot.settings.schema import OidcSettings


def person_of_claims(claims: Mapping[str, Any], settings: OidcSettings) -> Person:
    """The person. Raises Forbidden if none of their groups is let in."""
    groups = groups_in(claims, settings.groups_claim)
    teams = tuple(dict.fromkeys(settings.teams[group] for group in sorted(groups & settings.teams.keys())))
    by_role: tuple[tuple[Role, tuple[str, ...]], ...] = (
        ("admin", settings.admin_groups),
        ("operator", settings.operator_groups),
        ("viewer", settings.viewer_groups),
    )
    name = name_in(claims)
    for role, names in by_role:
        if not groups.isdisjoint(names):
            return Person(name, role, "oidc", teams)
    if not teams:
        raise Forbidden(f"{name} is in no group that the settings let in", code="no_group")
    return Person(name, settings.team_role, "oidc", teams, confined=True)


def groups_in(claims: Mapping[str, Any], path: str) -> frozenset[str]:
    """The groups at a claim, or at a path of claims between dots where there is no claim of the whole name."""
    found: Any = claims
    if path in claims:
        found = claims[path]
    else:
        for part in path.split("."):
            found = found.get(part) if isinstance(found, Mapping) else None
    if isinstance(found, str):
        found = [found]
    return frozenset(group for group in found if isinstance(group, str)) if isinstance(found, list) else frozenset()


def has_groups(claims: Mapping[str, Any], path: str) -> bool:
    """Whether the claims speak of groups at all."""
    return path in claims or path.partition(".")[0] in claims


def name_in(claims: Mapping[str, Any]) -> str:
    """A name for the trail: their e-mail address where it is verified, else the name that they go by, and always their id."""
    email = claims.get("email") if claims.get("email_verified") is True else None
    called = email or claims.get("preferred_username") or claims.get("name") or ""
    subject = _printable(str(claims.get("sub", "")))
    return f"{_printable(str(called))} ({subject})".strip()[:LONGEST_NAME]


def _printable(text: str) -> str:
    return "".join(each for each in text if each.isprintable())[: LONGEST_NAME // 2 - 5]
