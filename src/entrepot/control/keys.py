"""Keys of clients: made, rotated, disabled, made to expire, deleted.

Rules of this file: the text of a key leaves `make` and `rotate` once, and is kept nowhere. A name is never given twice, because
entries of the ledger and kept responses belong to it. Callers have found that whoever asks may.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal

import msgspec

from entrepot.control.objects import Secret, StoredKey, check_name
from entrepot.control.store import Transaction
from entrepot.errors import Conflict, InvalidRequest, NotFound
from entrepot.policy.scope import EVERYTHING, Scope
from entrepot.settings.client_key import make_key, prefix_of
from entrepot.settings.place_words import check_country

State = Literal["active", "disabled", "expired"]
MOST_SECRETS = 4
_DAY_S = 86_400
_LAST_S = 1e11
LONGEST_OVERLAP_S = 365 * _DAY_S


class NewKey(msgspec.Struct, frozen=True):
    """What a key is made of. `expires_s` is Unix time."""

    name: str
    team: str | None = None
    tags: tuple[str, ...] = ()
    scope: Scope = EVERYTHING
    expires_s: float | None = None
    data_classes: tuple[str, ...] = ()
    region: str | None = None


def make(book: Transaction, asked: NewKey, entropy: bytes) -> tuple[StoredKey, str]:
    """A new key and its text. Raises InvalidRequest, or Conflict if the name was given before."""
    check_name(asked.name)
    check_words(asked.team, (*asked.tags, *(asked.scope.tags or ())), asked.data_classes, asked.region)
    check_end(asked.expires_s)
    if asked.expires_s is not None and asked.expires_s <= book.now_s:
        raise InvalidRequest("a new key cannot have expired already", param="expires_s")
    if book.was_ever("key", asked.name):
        raise Conflict(f"a key has been called '{asked.name}' before, and a name is given once: choose another")
    text, secret = make_secret(book.now_s, entropy)
    key = StoredKey(
        name=asked.name,
        secrets=(secret,),
        made_s=int(book.now_s),
        team=asked.team,
        tags=asked.tags,
        scope=asked.scope,
        expires_s=asked.expires_s,
        data_classes=asked.data_classes,
        region=asked.region,
    )
    book.put("key", key.name, key, "create")
    return key, text


def rotate(book: Transaction, name: str, overlap_s: float, entropy: bytes) -> tuple[StoredKey, str]:
    """A new text for the key; the texts before it stay valid for `overlap_s` more seconds at most. Raises NotFound, Conflict."""
    key = find(book, name)
    if state_of(key, book.now_s) == "expired":
        raise Conflict(f"the key '{name}' has expired: give it a later end first, with expire")
    text, secret = make_secret(book.now_s, entropy)
    key = msgspec.structs.replace(key, secrets=rotated(key.secrets, secret, book.now_s, overlap_s))
    book.put("key", name, key, "rotate")
    return key, text


def rotated(secrets: tuple[Secret, ...], fresh: Secret, now_s: float, overlap_s: float) -> tuple[Secret, ...]:
    """The secrets once there is a fresh one. Raises InvalidRequest, or Conflict if too many are still valid."""
    if not 0 <= overlap_s <= LONGEST_OVERLAP_S:
        raise InvalidRequest(f"an overlap is 0 to {LONGEST_OVERLAP_S // _DAY_S} days", param="overlap_s")
    until_s = now_s + overlap_s
    old = [
        msgspec.structs.replace(secret, until_s=min(until_s, secret.until_s or until_s))
        for secret in secrets
        if overlap_s > 0 and (secret.until_s is None or secret.until_s > now_s)
    ]
    if len(old) >= MOST_SECRETS:
        raise Conflict(f"{MOST_SECRETS} texts of it are still valid: rotate without an overlap, or wait")
    return (*old, fresh)


def disable(book: Transaction, name: str) -> StoredKey:
    """It lets nobody in until it is enabled. Raises NotFound."""
    return _replace(book, name, "disable", disabled=True)


def enable(book: Transaction, name: str) -> StoredKey:
    """It lets its bearer in again. Raises NotFound."""
    return _replace(book, name, "enable", disabled=False)


def expire(book: Transaction, name: str, at_s: float | None) -> StoredKey:
    """It is valid until then (Unix time); None: without end. Raises NotFound."""
    check_end(at_s)
    return _replace(book, name, "expire", expires_s=at_s)


def delete(book: Transaction, name: str) -> None:
    """It is gone for ever, its name with it. Raises NotFound."""
    find(book, name)
    book.remove("key", name)


def check_words(
    team: str | None, tags: Iterable[str], data_classes: Iterable[str] = (), region: str | None = None
) -> None:
    """Raises InvalidRequest if a key cannot be of this team, have these tags and data classes, or be used in this country."""
    if team is not None:
        check_name(team, "team")
    for what, words in (("tags", tags), ("data_classes", data_classes)):
        for word in words:
            check_name(word, what)
    if region is not None and (wrong := check_country(region)):
        raise InvalidRequest(f"'region': {wrong}", param="region")


def check_end(expires_s: float | None) -> None:
    """Raises InvalidRequest if a key cannot expire then."""
    if expires_s is not None and not 0 <= expires_s <= _LAST_S:
        raise InvalidRequest("a key expires at a Unix time, in seconds", param="expires_s")


def find(book: Transaction, name: str) -> StoredKey:
    """The key of this name. Raises NotFound."""
    key = book.find(StoredKey, "key", name)
    if key is None:
        raise NotFound(f"the control store has no key called '{name[:100]}'")
    return key


def state_of(key: StoredKey, now_s: float) -> State:
    """Whether it lets its bearer in."""
    if key.disabled:
        return "disabled"
    return "expired" if key.expires_s is not None and key.expires_s <= now_s else "active"


def describe(key: StoredKey, now_s: float) -> dict[str, Any]:
    """The key as it is shown: without digests. `secrets` are those that are valid, the newest last."""
    return {
        "name": key.name,
        "state": state_of(key, now_s),
        "prefix": key.secrets[-1].prefix,
        "team": key.team,
        "tags": list(key.tags),
        "data_classes": list(key.data_classes),
        "region": key.region,
        "scope": msgspec.to_builtins(key.scope),
        "made_s": key.made_s,
        "expires_s": key.expires_s,
        "secrets": [
            {"prefix": secret.prefix, "made_s": secret.made_s, "until_s": secret.until_s}
            for secret in key.secrets
            if secret.until_s is None or secret.until_s > now_s
        ],
    }


def make_secret(now_s: float, entropy: bytes) -> tuple[str, Secret]:
    """A text to be shown once, and what is kept of it."""
    made = make_key(entropy)
    return made.text, Secret(made.sha256, prefix_of(made.text), int(now_s))


def _replace(book: Transaction, name: str, action: str, **changes: Any) -> StoredKey:  # noqa: ANN401 - fields of a key
    key = msgspec.structs.replace(find(book, name), **changes)
    book.put("key", name, key, action)
    return key
