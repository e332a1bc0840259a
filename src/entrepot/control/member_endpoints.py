"""Members over the admin API, and what somebody may learn of themselves."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from entrepot.control import members
from entrepot.control.asking import Ask
from entrepot.control.key_endpoints import Rotation
from entrepot.control.objects import Role
from entrepot.control.people import GRANTS, require
from entrepot.errors import Forbidden


class MemberBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A member to be made."""

    name: str
    role: Role
    teams: tuple[str, ...] = ()
    confined: bool = False


class MemberChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is to be other than it was."""

    role: Role | UnsetType = UNSET
    teams: tuple[str, ...] | UnsetType = UNSET
    confined: bool | UnsetType = UNSET
    disabled: bool | UnsetType = UNSET


def who_am_i(ask: Ask) -> dict[str, Any]:
    """The person, and what they may do."""
    return {**msgspec.to_builtins(ask.person), "may": [permission for permission in GRANTS if _may(ask, permission)]}


def list_members(ask: Ask) -> list[dict[str, Any]]:
    """All members."""
    return [members.describe(member, ask.now_s) for member in ask.installation.store.snapshot().members]


def make_member(ask: Ask) -> dict[str, Any]:
    """A new member, with the text of their key: this once."""
    body = ask.read(MemberBody)
    with ask.change() as book:
        asked = members.NewMember(body.name, body.role, body.teams, body.confined)
        member, text = members.make(book, asked, ask.installation.entropy())
        return {**members.describe(member, ask.now_s), "key": text}


def show_member(ask: Ask) -> dict[str, Any]:
    """One member."""
    with ask.look() as book:
        return members.describe(members.find(book, ask.name), ask.now_s)


def change_member(ask: Ask) -> dict[str, Any]:
    """Another role, other teams, disabled or not."""
    body = ask.read(MemberChange)
    changes = {name: value for name in body.__struct_fields__ if (value := getattr(body, name)) is not UNSET}
    with ask.change() as book:
        return members.describe(members.change(book, ask.name, **changes), ask.now_s)


def rotate_member(ask: Ask) -> dict[str, Any]:
    """A new key, this once; the one before stays valid for the overlap."""
    body = ask.read(Rotation)
    with ask.change() as book:
        member, text = members.rotate(book, ask.name, body.overlap_s, ask.installation.entropy())
        return {**members.describe(member, ask.now_s), "key": text}


def delete_member(ask: Ask) -> dict[str, Any]:
    """They are gone for ever."""
    with ask.change() as book:
        members.delete(book, ask.name)
    return {"name": ask.name, "deleted": True}


def _may(ask: Ask, permission: Any) -> bool:  # noqa: ANN401 - a word out of the table
    try:
        require(ask.person, permission)
    except Forbidden:
        return False
    return True
