"""The trail of changes over the admin API and on the command line: who did what, when, before and after."""

from __future__ import annotations

import datetime
from typing import Any, cast, get_args

import msgspec

from entrepot.control.asking import Ask, Installation
from entrepot.control.objects import Kind, without_secrets
from entrepot.control.people import Person, may
from entrepot.control.store import Change
from entrepot.errors import InvalidRequest

USUAL_PAGE = 100
LONGEST_PAGE = 1000
_LAST_SEQ = 2**62


def list_changes(ask: Ask) -> list[dict[str, Any]]:
    """A page of the trail, the newest first; `before` is the `seq` at which the page before ended."""
    kind = ask.query.get("kind")
    if kind is not None and kind not in get_args(Kind):
        raise InvalidRequest(f"'kind' is one of {', '.join(get_args(Kind))}", param="kind")
    changes = ask.installation.store.changes(
        before_seq=ask.number("before", _LAST_SEQ, _LAST_SEQ),
        limit=ask.number("limit", USUAL_PAGE, LONGEST_PAGE),
        kind=cast("Kind | None", kind),
        name=ask.query.get("name"),
    )
    told = [describe(change) for change in changes]
    return told if may(ask.person, "change budgets") else [_without_secrets(each) for each in told]


def note_sign_in(installation: Installation, person: Person, now_ns: int) -> None:
    """Write down that somebody opened a session."""
    with installation.store.change(person.actor, now_ns) as book:
        book.note("sign in", "member", person.name)


def describe(change: Change) -> dict[str, Any]:
    """One change as it is shown."""
    at = datetime.datetime.fromtimestamp(change.at_ns / 1_000_000_000, datetime.UTC)
    return {
        "seq": change.seq,
        "at": at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "who": change.who,
        "via": change.via,
        "action": change.action,
        "kind": change.kind,
        "name": change.name,
        "before": change.before,
        "after": change.after,
    }


def _without_secrets(told: dict[str, Any]) -> dict[str, Any]:
    if told["kind"] != "budget":
        return told
    return {**told, **{when: _read_without_secrets(told[when]) for when in ("before", "after")}}


def _read_without_secrets(document: msgspec.Raw | None) -> object:
    return None if document is None else without_secrets(msgspec.json.decode(document))
