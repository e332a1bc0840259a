from __future__ import annotations

from typing import Any

import pytest

from entrepot.control.claims import groups_in, has_groups, name_in, person_of_claims
from entrepot.control.people import Person
from entrepot.errors import Forbidden
from entrepot.settings.schema import OidcSettings

SETTINGS = OidcSettings(
    "https://id.example",
    "us",
    admin_groups=("admins",),
    operator_groups=("ops", "sre"),
    viewer_groups=("staff",),
    teams={"法务部": "法务", "legal": "法务", "shop": "商店"},
)


def person(*groups: str) -> Person:
    return person_of_claims({"sub": "7", "preferred_username": "ai", "groups": list(groups)}, SETTINGS)


def test_the_highest_role_counts_and_teams_come_along() -> None:
    assert person("staff", "admins", "shop") == Person("ai (7)", "admin", "oidc", ("商店",))
    assert person("sre", "staff").role == "operator"
    assert person("staff").role == "viewer"
    assert not person("staff", "shop").confined


def test_who_is_in_a_teams_group_alone_is_confined_to_it() -> None:
    assert person("法务部", "legal", "unknown") == Person("ai (7)", "viewer", "oidc", ("法务",), confined=True)
    operators = OidcSettings("https://id.example", "us", teams={"shop": "商店"}, team_role="operator")
    found = person_of_claims({"sub": "7", "groups": ["shop"]}, operators)
    assert (found.role, found.confined) == ("operator", True)


@pytest.mark.parametrize("groups", [[], ["unknown"], ["Admins"], ["admins "]])
def test_who_is_in_no_group_that_counts_is_let_in_nowhere(groups: list[str]) -> None:
    with pytest.raises(Forbidden) as caught:
        person(*groups)
    assert caught.value.code == "no_group"


@pytest.mark.parametrize(
    ("claims", "path", "groups"),
    [
        ({"groups": ["a", "b"]}, "groups", {"a", "b"}),
        ({"groups": "a"}, "groups", {"a"}),
        ({"groups": ["a", 1, None, ["b"]]}, "groups", {"a"}),
        ({"groups": {"a": 1}}, "groups", set()),
        ({}, "groups", set()),
        ({"realm_access": {"roles": ["a"]}}, "realm_access.roles", {"a"}),
        ({"https://example.com/groups": ["a"]}, "https://example.com/groups", {"a"}),
        ({"realm_access": "a"}, "realm_access.roles", set()),
    ],
)
def test_groups_are_read_where_the_settings_say(claims: dict[str, Any], path: str, groups: set[str]) -> None:
    assert groups_in(claims, path) == groups
    assert has_groups({"realm_access": {}}, "realm_access.roles")
    assert not has_groups({"sub": "7"}, "groups")


@pytest.mark.parametrize(
    ("claims", "name"),
    [
        ({"sub": "7", "email": "a@b", "email_verified": True, "name": "x"}, "a@b (7)"),
        ({"sub": "7", "email": "root@b", "email_verified": False, "name": "x"}, "x (7)"),
        ({"sub": "7", "email": "root@b", "preferred_username": "艾"}, "艾 (7)"),
        ({"sub": "7"}, "(7)"),
        ({"sub": "7", "name": "root\r\nset-cookie: a=b"}, "rootset-cookie: a=b (7)"),
    ],
)
def test_a_name_cannot_pass_for_another(claims: dict[str, Any], name: str) -> None:
    assert name_in(claims) == name


def test_a_name_is_never_too_long_for_the_trail() -> None:
    name = name_in({"sub": "s" * 1000, "name": "n" * 1000})
    assert len(name) <= 200
    assert "s" * 90 in name
