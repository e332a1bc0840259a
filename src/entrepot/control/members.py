"""Members: the people of the control plane, and the keys with which they sign in.

Rules of this file: somebody can always let others in, so the last admin stays one. As with clients' keys, the text of a key is
shown once, and a name is given once: the trail of changes knows people by it.
"""

from __future__ import annotations

from typing import Any

import msgspec

from entrepot.control.keys import make_secret, rotated
from entrepot.control.objects import Member, Role, check_name
from entrepot.control.store import Transaction
from entrepot.errors import Conflict, InvalidRequest, NotFound

FIRST_ADMIN = "admin"


class NewMember(msgspec.Struct, frozen=True):
    """What a member is made of."""

    name: str
    role: Role
    teams: tuple[str, ...] = ()
    confined: bool = False


def make(book: Transaction, asked: NewMember, entropy: bytes) -> tuple[Member, str]:
    """A new member and the text of their key. Raises InvalidRequest, or Conflict if the name was given before."""
    check_name(asked.name)
    if book.was_ever("member", asked.name):
        raise Conflict(f"a member has been called '{asked.name}' before, and a name is given once: choose another")
    text, secret = make_secret(book.now_s, entropy)
    member = Member(
        name=asked.name,
        role=asked.role,
        secrets=(secret,),
        made_s=int(book.now_s),
        teams=asked.teams,
        confined=asked.confined,
    )
    _check(member)
    book.put("member", member.name, member, "create")
    return member, text


def make_first_admin(book: Transaction, entropy: bytes) -> str:
    """The key of the first admin. Raises Conflict if there was one."""
    return make(book, NewMember(FIRST_ADMIN, "admin"), entropy)[1]


def rotate(book: Transaction, name: str, overlap_s: float, entropy: bytes) -> tuple[Member, str]:
    """A new key for the member; the one before stays valid for `overlap_s` more seconds at most. Raises NotFound."""
    member = find(book, name)
    text, secret = make_secret(book.now_s, entropy)
    member = msgspec.structs.replace(member, secrets=rotated(member.secrets, secret, book.now_s, overlap_s))
    book.put("member", name, member, "rotate")
    return member, text


def change(book: Transaction, name: str, **changes: Any) -> Member:  # noqa: ANN401 - fields of a member
    """Another role, other teams, disabled or not. Raises NotFound, InvalidRequest, Conflict."""
    member = msgspec.structs.replace(find(book, name), **changes)
    _check(member)
    if member.role != "admin" or member.disabled:
        _keep_an_admin(book, name)
    book.put("member", name, member, "update")
    return member


def delete(book: Transaction, name: str) -> None:
    """They are gone for ever, their name with them. Raises NotFound, or Conflict for the last admin."""
    find(book, name)
    _keep_an_admin(book, name)
    book.remove("member", name)


def find(book: Transaction, name: str) -> Member:
    """The member of this name. Raises NotFound."""
    member = book.find(Member, "member", name)
    if member is None:
        raise NotFound(f"there is no member called '{name[:100]}'")
    return member


def describe(member: Member, now_s: float) -> dict[str, Any]:
    """The member as shown: without digests."""
    return {
        "name": member.name,
        "role": member.role,
        "teams": list(member.teams),
        "confined": member.confined,
        "disabled": member.disabled,
        "prefix": member.secrets[-1].prefix,
        "made_s": member.made_s,
        "secrets": [
            {"prefix": secret.prefix, "made_s": secret.made_s, "until_s": secret.until_s}
            for secret in member.secrets
            if secret.until_s is None or secret.until_s > now_s
        ],
    }


def _check(member: Member) -> None:
    for team in member.teams:
        check_name(team, "teams")
    if member.confined and member.role == "admin":
        raise InvalidRequest("an admin is not confined to teams", param="confined")


def _keep_an_admin(book: Transaction, name: str) -> None:
    others = [one for one in book.snapshot().members if one.name != name and one.role == "admin" and not one.disabled]
    if not others:
        raise Conflict(f"'{name}' is the last admin: make another one first")
