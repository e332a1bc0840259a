from __future__ import annotations

import hashlib
import os
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from entrepot.control import keys
from entrepot.control.objects import Secret, settings_of
from entrepot.control.store import ControlStore
from entrepot.errors import CallerError, Conflict, InvalidRequest, NotFound
from entrepot.policy.scope import Scope
from entrepot.server.authenticate import Keyring
from entrepot.settings.client_key import is_well_formed
from tests.control.books import NOON_S, a_key, at

DAY_S = 86_400


def ring(store: ControlStore) -> Keyring:
    return Keyring([each for key in store.snapshot().keys for each in settings_of(key)])


def lets_in(store: ControlStore, text: str, now_s: float = NOON_S) -> bool:
    try:
        ring(store).authenticate({b"x-api-key": text.encode()}, now_s=now_s)
    except CallerError:
        return False
    return True


def rotate(store: ControlStore, overlap_s: float, now_s: float = NOON_S) -> str:
    with at(store, now_s) as book:
        return keys.rotate(book, "web", overlap_s, os.urandom(32))[1]


def test_a_key_lets_in_who_has_its_text(store: ControlStore) -> None:
    key, text = a_key(store, "客服", team="服务", tags=("机密",), scope=Scope(routes=("auto",)))
    assert is_well_formed(text)
    assert key.secrets[0].sha256 == hashlib.sha256(text.encode()).hexdigest()
    found = ring(store).authenticate({b"x-api-key": text.encode()})
    assert (found.key, found.team, found.tags, found.scope.routes) == ("客服", "服务", frozenset({"机密"}), ("auto",))


def test_rotation_overlaps_for_as_long_as_was_asked(store: ControlStore) -> None:
    _, old = a_key(store)
    new = rotate(store, DAY_S)
    assert lets_in(store, old, NOON_S + DAY_S - 1)
    assert not lets_in(store, old, NOON_S + DAY_S)
    assert lets_in(store, new, NOON_S + 400 * DAY_S)


def test_rotation_without_an_overlap_ends_the_old_text_at_once(store: ControlStore) -> None:
    _, old = a_key(store)
    between = rotate(store, DAY_S)
    new = rotate(store, 0)
    assert [lets_in(store, text) for text in (old, between, new)] == [False, False, True]


def test_a_second_rotation_never_prolongs_the_first_ones_overlap(store: ControlStore) -> None:
    _, old = a_key(store)
    rotate(store, 60)
    rotate(store, DAY_S)
    assert not lets_in(store, old, NOON_S + 60)


def test_rotation_does_not_pile_up_texts(store: ControlStore) -> None:
    a_key(store)
    for _ in range(keys.MOST_SECRETS - 1):
        rotate(store, DAY_S)
    with pytest.raises(Conflict, match="still valid"):
        rotate(store, DAY_S)
    rotate(store, DAY_S, NOON_S + 2 * DAY_S)
    assert len(store.snapshot().keys[0].secrets) == 2


@given(st.lists(st.floats(0, 1e6), max_size=4), st.floats(0, 1e6), st.floats(0, 1e5))
def test_no_old_text_is_valid_longer_than_the_overlap(ends: list[float], now_s: float, overlap_s: float) -> None:
    old = tuple(Secret("0" * 64, "ent-", 0, end) for end in ends)[: keys.MOST_SECRETS - 1]
    *before, fresh = keys.rotated(old, Secret("1" * 64, "ent-", 0), now_s, overlap_s)
    assert fresh.until_s is None
    for secret in before:
        assert secret.until_s is not None
        assert now_s <= secret.until_s <= now_s + overlap_s


def test_an_expired_key_is_not_rotated_into_life(store: ControlStore) -> None:
    a_key(store, expires_s=NOON_S + 60)
    with pytest.raises(Conflict, match="has expired"):
        rotate(store, DAY_S, NOON_S + 60)


@pytest.mark.parametrize("overlap_s", [-1, keys.LONGEST_OVERLAP_S + 1, float("inf"), float("nan")])
def test_an_overlap_has_bounds(overlap_s: float, store: ControlStore) -> None:
    a_key(store)
    with pytest.raises(InvalidRequest, match="overlap"):
        rotate(store, overlap_s)


def test_a_key_is_disabled_enabled_and_made_to_expire(store: ControlStore) -> None:
    _, text = a_key(store)
    for change, state, admitted in (
        (keys.disable, "disabled", False),
        (keys.enable, "active", True),
        (lambda book, name: keys.expire(book, name, NOON_S), "expired", False),
        (lambda book, name: keys.expire(book, name, None), "active", True),
    ):
        with at(store) as book:
            assert keys.state_of(change(book, "web"), NOON_S) == state
        assert lets_in(store, text) is admitted
    assert [one.action for one in store.changes()] == ["expire", "expire", "enable", "disable", "create"]


def test_a_deleted_key_is_gone_and_its_name_is_not_given_again(store: ControlStore) -> None:
    _, text = a_key(store)
    with at(store) as book:
        keys.delete(book, "web")
    assert not lets_in(store, text)
    with pytest.raises(Conflict, match="a name is given once"):
        a_key(store)


@pytest.mark.parametrize(
    "change",
    [
        lambda book: keys.rotate(book, "web", 0, os.urandom(32)),
        lambda book: keys.disable(book, "web"),
        lambda book: keys.expire(book, "web", None),
        lambda book: keys.delete(book, "web"),
    ],
)
def test_a_key_that_is_not_there_is_told(change: Callable[[object], object], store: ControlStore) -> None:
    with pytest.raises(NotFound, match="no key called 'web'"), at(store) as book:
        change(book)


@pytest.mark.parametrize("name", ["", " ", "a ", "a\nb", "a\r\nx-injected: 1", "a\0", "a\u202eb", "长" * 201, "\ud800"])
def test_a_name_is_one_line_of_printable_text(name: str, store: ControlStore) -> None:
    for asked in ({"name": name}, {"name": "a", "team": name}, {"name": "a", "tags": (name,)}):
        with pytest.raises(InvalidRequest, match="printable"):
            a_key(store, **asked)
    assert store.changes() == ()


def test_a_key_is_not_born_expired(store: ControlStore) -> None:
    with pytest.raises(InvalidRequest, match="expired already"):
        a_key(store, expires_s=NOON_S)


def test_what_is_shown_of_a_key_has_no_digest(store: ControlStore) -> None:
    key, text = a_key(store, scope=Scope(addresses=("10.0.0.0/8",)))
    told = keys.describe(key, NOON_S)
    assert told["prefix"] == f"{text[:8]}…"
    assert key.secrets[0].sha256 not in repr(told)
    rotate(store, 60)
    later = keys.describe(store.snapshot().keys[0], NOON_S + 61)
    assert len(later["secrets"]) == 1
