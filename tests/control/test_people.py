from __future__ import annotations

from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from entrepot.control.objects import Member, Role, Secret, Snapshot
from entrepot.control.people import GRANTS, Permission, Person, find_by_digest, person_of, reaches, require
from entrepot.errors import Forbidden

ROLES: tuple[Role, ...] = get_args(Role)
TREE = {"合同": "法务", "法务": "集团"}


def may(person: Person, permission: Permission) -> bool:
    try:
        require(person, permission)
    except Forbidden:
        return False
    return True


@given(st.sampled_from(ROLES), st.sampled_from(list(GRANTS)), st.booleans())
def test_a_higher_role_and_less_confinement_never_take_a_permission_away(
    role: Role, permission: Permission, confined: bool
) -> None:
    if may(Person("p", role, "key", confined=confined), permission):
        for higher in ROLES[: ROLES.index(role) + 1]:  # from admin down
            assert may(Person("p", higher, "key"), permission)


def test_an_admin_may_everything_and_a_viewer_changes_nothing() -> None:
    assert [one for one in GRANTS if may(Person("p", "admin", "key"), one)] == list(GRANTS)
    allowed = [one for one in GRANTS if may(Person("p", "viewer", "key"), one)]
    assert allowed
    assert all(one.startswith("read ") for one in allowed)


def test_nobody_but_an_admin_touches_members() -> None:
    for role in ("operator", "viewer"):
        assert not may(Person("p", role, "key"), "change members")


@pytest.mark.parametrize(
    ("team", "there"), [("法务", True), ("合同", True), ("集团", False), ("销售", False), (None, False)]
)
def test_who_is_confined_reaches_their_team_and_those_below(team: str | None, there: bool) -> None:
    confined = Person("p", "operator", "key", teams=("法务",), confined=True)
    assert reaches(confined, team, TREE) is there
    assert reaches(Person("p", "viewer", "key"), team, TREE)
    assert not reaches(Person("p", "viewer", "key", confined=True), team, TREE)


def test_a_member_is_found_by_a_valid_key_alone() -> None:
    valid, over = Secret("a" * 64, "ent-", 0), Secret("b" * 64, "ent-", 0, until_s=10)
    alice = Member("爱丽", "operator", (over, valid), 0, teams=("法务",), confined=True)
    bob = Member("bob", "admin", (Secret("c" * 64, "ent-", 0),), 0, disabled=True)
    snapshot = Snapshot(members=(alice, bob))
    assert find_by_digest(snapshot, "a" * 64, 20) is alice
    assert find_by_digest(snapshot, "b" * 64, 9) is alice
    for sha256 in ("b" * 64, "c" * 64, "d" * 64, ""):
        assert find_by_digest(snapshot, sha256, 10) is None
    assert person_of(alice, "session") == Person("爱丽", "operator", "session", ("法务",), confined=True)
