from __future__ import annotations

import os

import pytest

from entrepot.control import members
from entrepot.control.objects import Member, Role
from entrepot.control.store import ControlStore
from entrepot.errors import Conflict, InvalidRequest, NotFound
from tests.control.books import NOON_S, at


def make(store: ControlStore, name: str, role: Role = "admin", **more: object) -> tuple[Member, str]:
    with at(store) as book:
        return members.make(book, members.NewMember(name, role, **more), os.urandom(32))  # type: ignore[arg-type]  # fields of any kind


def test_the_first_admin_is_made_once_in_an_installations_life(store: ControlStore) -> None:
    with at(store) as book:
        text = members.make_first_admin(book, os.urandom(32))
    assert text.startswith("ent-")
    assert [member.role for member in store.snapshot().members] == ["admin"]
    with pytest.raises(Conflict), at(store) as book:
        members.make_first_admin(book, os.urandom(32))


def test_the_last_admin_stays_one(store: ControlStore) -> None:
    make(store, "爱丽")
    make(store, "bob", "operator")
    for change in (
        lambda book: members.delete(book, "爱丽"),
        lambda book: members.change(book, "爱丽", role="viewer"),
        lambda book: members.change(book, "爱丽", disabled=True),
    ):
        with pytest.raises(Conflict, match="last admin"), at(store) as book:
            change(book)
    make(store, "carol")
    with at(store) as book:
        members.change(book, "爱丽", disabled=True)
    with pytest.raises(Conflict, match="last admin"), at(store) as book:
        members.delete(book, "carol")
    with at(store) as book:
        members.delete(book, "bob")


def test_a_name_is_given_once(store: ControlStore) -> None:
    make(store, "a")
    make(store, "b", "viewer")
    with at(store) as book:
        members.delete(book, "b")
    with pytest.raises(Conflict, match="given once"):
        make(store, "b", "viewer")
    with pytest.raises(NotFound, match="no member called 'b'"), at(store) as book:
        members.change(book, "b", role="admin")


def test_an_admin_is_not_confined_and_teams_are_names(store: ControlStore) -> None:
    with pytest.raises(InvalidRequest, match="not confined"):
        make(store, "a", confined=True)
    with pytest.raises(InvalidRequest, match="printable"):
        make(store, "a", "viewer", teams=("a\nb",))
    with pytest.raises(InvalidRequest, match="printable"):
        make(store, "a\r\n")


def test_a_rotated_key_overlaps_as_a_clients_does(store: ControlStore) -> None:
    _, old = make(store, "a")
    with at(store) as book:
        member, new = members.rotate(book, "a", 60, os.urandom(32))
    told = members.describe(member, NOON_S)
    assert [secret["prefix"] for secret in told["secrets"]] == [f"{old[:8]}…", f"{new[:8]}…"]
    assert len(members.describe(member, NOON_S + 60)["secrets"]) == 1
    assert all(secret.sha256 not in repr(told) for secret in member.secrets)
