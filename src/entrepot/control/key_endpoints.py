"""Keys of clients over the admin API.

Rules of this file: to somebody who is confined to teams, a key of another team, or of none, is not there.
"""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from entrepot.control import keys
from entrepot.control.asking import Ask, not_there
from entrepot.control.in_force import names_in_file
from entrepot.control.objects import StoredKey
from entrepot.control.scopes import check_scope_against
from entrepot.control.store import Transaction
from entrepot.errors import Conflict, Forbidden, NotFound
from entrepot.policy.scope import EVERYTHING, Scope

USUAL_OVERLAP_S = 86_400.0


class KeyBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A key to be made."""

    name: str
    team: str | None = None
    tags: tuple[str, ...] = ()
    scope: Scope = EVERYTHING
    expires_s: float | None = None
    data_classes: tuple[str, ...] = ()
    region: str | None = None


class KeyChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is to be other than it was; what is not named stays. `expires_s` null: it does not expire."""

    team: str | UnsetType | None = UNSET
    tags: tuple[str, ...] | UnsetType = UNSET
    scope: Scope | UnsetType = UNSET
    expires_s: float | UnsetType | None = UNSET
    disabled: bool | UnsetType = UNSET
    data_classes: tuple[str, ...] | UnsetType = UNSET
    region: str | UnsetType | None = UNSET


class Rotation(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How long the text before stays valid."""

    overlap_s: float = USUAL_OVERLAP_S


def list_keys(ask: Ask) -> list[dict[str, Any]]:
    """Every key that is there for the person, those of the file included."""
    with ask.look() as book:
        reaches, found = ask.reach(book), book.snapshot()
    kept = [{**keys.describe(key, ask.now_s), "kept_in": "store"} for key in found.keys if reaches(key.team)]
    written = [
        {"name": key.name, "team": key.team, "tags": list(key.tags), "scope": key.scope, "kept_in": "file"}
        for key in ask.installation.settings.keys
        if reaches(key.team)
    ]
    return [*kept, *written]


def show_key(ask: Ask) -> dict[str, Any]:
    """One key."""
    with ask.look() as book:
        return keys.describe(_find(ask, book), ask.now_s)


def make_key(ask: Ask) -> dict[str, Any]:
    """A new key, with its text: this once."""
    body = ask.read(KeyBody)
    if body.name in names_in_file(ask.installation.settings):
        raise Conflict(f"the settings file has a key called '{body.name}': choose another name")
    check_scope_against(ask.installation.settings, body.scope)
    with ask.change() as book:
        if not ask.reach(book)(body.team):
            raise Forbidden(f"{ask.person.name} makes keys for their own teams only: {', '.join(ask.person.teams)}")
        asked = keys.NewKey(**msgspec.structs.asdict(body))
        key, text = keys.make(book, asked, ask.installation.entropy())
        return {**keys.describe(key, ask.now_s), "key": text}


def change_key(ask: Ask) -> dict[str, Any]:
    """Another team, tags, scope or end; disabled or not."""
    body = ask.read(KeyChange)
    if body.scope is not UNSET:
        check_scope_against(ask.installation.settings, body.scope)
    changes = {name: value for name in body.__struct_fields__ if (value := getattr(body, name)) is not UNSET}
    keys.check_words(
        changes.get("team"), changes.get("tags", ()), changes.get("data_classes", ()), changes.get("region")
    )
    keys.check_end(changes.get("expires_s"))
    with ask.change() as book:
        key = msgspec.structs.replace(_find(ask, book), **changes)
        if not ask.reach(book)(key.team):
            raise Forbidden(f"{ask.person.name} cannot give a key to a team that is not theirs")
        book.put("key", key.name, key, "update")
        return keys.describe(key, ask.now_s)


def rotate_key(ask: Ask) -> dict[str, Any]:
    """A new text, this once; the one before stays valid for the overlap."""
    body = ask.read(Rotation)
    with ask.change() as book:
        _find(ask, book)
        key, text = keys.rotate(book, ask.name, body.overlap_s, ask.installation.entropy())
        return {**keys.describe(key, ask.now_s), "key": text}


def delete_key(ask: Ask) -> dict[str, Any]:
    """It is gone for ever."""
    with ask.change() as book:
        _find(ask, book)
        keys.delete(book, ask.name)
    return {"name": ask.name, "deleted": True}


def _find(ask: Ask, book: Transaction) -> StoredKey:
    try:
        key = keys.find(book, ask.name)
    except NotFound:
        raise not_there("key", ask.name) from None
    if not ask.reach(book)(key.team):
        raise not_there("key", ask.name)
    return key
