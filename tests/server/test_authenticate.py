from __future__ import annotations

import hashlib
from typing import Any

import pytest

from entrepot.errors import CallerError, Unauthenticated
from entrepot.policy.rules import Principal
from entrepot.policy.scope import Scope
from entrepot.policy.teams import Team
from entrepot.server.authenticate import MAX_KEY_BYTES, Keyring
from entrepot.settings.schema import KeySettings

KEY = b"ent-key"
RING = Keyring([KeySettings("alice", hashlib.sha256(KEY).hexdigest(), team="red", tags=("小组",))])
ALICE = Principal(key="alice", team="red", tags=frozenset({"小组"}))


@pytest.mark.parametrize(
    "headers",
    [
        {b"authorization": b"Bearer ent-key"},
        {b"authorization": b"bearer   ent-key "},
        {b"x-api-key": b"ent-key"},
        {b"x-goog-api-key": b" ent-key"},
        {b"authorization": b"Basic abc", b"x-api-key": b"ent-key"},
    ],
)
def test_a_key_is_found_where_clients_send_it(headers: dict[bytes, bytes]) -> None:
    assert RING.authenticate(headers) == ALICE


@pytest.mark.parametrize("headers", [{}, {b"authorization": b"Bearer "}, {b"authorization": b"Basic ent-key"}])
def test_no_key_is_told_apart(headers: dict[bytes, bytes]) -> None:
    with pytest.raises(Unauthenticated) as caught:
        RING.authenticate(headers)
    assert caught.value.code == "missing_api_key"


@pytest.mark.parametrize("key", [b"ent-key2", b"ENT-KEY", b"\xff\xfe", b"ent-key\0", b"x" * (MAX_KEY_BYTES + 1)])
def test_a_wrong_key_is_refused_and_not_repeated(key: bytes) -> None:
    with pytest.raises(Unauthenticated) as caught:
        RING.authenticate({b"authorization": b"Bearer " + key})
    assert caught.value.code == "invalid_api_key"
    assert "ent-key" not in caught.value.public


def test_a_bearer_key_is_not_made_good_by_another_header() -> None:
    with pytest.raises(Unauthenticated):
        RING.authenticate({b"authorization": b"Bearer wrong", b"x-api-key": KEY})


def test_a_key_in_an_address_counts_where_the_dialect_has_it_there() -> None:
    assert RING.authenticate({}, b"alt=sse&key=ent-key") == ALICE
    with pytest.raises(Unauthenticated) as caught:
        RING.authenticate({}, b"alt=sse&monkey=ent-key&key=")
    assert caught.value.code == "missing_api_key"
    with pytest.raises(Unauthenticated):
        RING.authenticate({b"x-goog-api-key": b"wrong"}, b"key=ent-key")


def a_ring(*, trusted: tuple[str, ...] = (), **facts: Any) -> Keyring:
    return Keyring([KeySettings("alice", hashlib.sha256(KEY).hexdigest(), **facts)], (), trusted)


def code_of(ring: Keyring, headers: dict[bytes, bytes] | None = None, **given: Any) -> str:
    with pytest.raises(CallerError) as caught:
        ring.authenticate({b"x-api-key": KEY, **(headers or {})}, **given)
    assert KEY.decode() not in caught.value.public
    return caught.value.code


def test_a_key_is_valid_until_its_end() -> None:
    ring = a_ring(expires_s=100.0)
    assert ring.authenticate({b"x-api-key": KEY}, now_s=99.9).key == "alice"
    assert code_of(ring, now_s=100.0) == "expired_api_key"


def test_a_disabled_key_lets_nobody_in() -> None:
    assert code_of(a_ring(disabled=True)) == "disabled_api_key"


def test_a_key_that_is_rotated_has_two_texts_for_one_principal() -> None:
    old = KeySettings("alice", hashlib.sha256(b"old").hexdigest(), expires_s=100.0)
    ring = Keyring([old, KeySettings("alice", hashlib.sha256(b"new").hexdigest())])
    assert ring.authenticate({b"x-api-key": b"old"}, now_s=50.0) == ring.authenticate({b"x-api-key": b"new"})


def test_a_key_of_a_network_is_used_from_there_alone() -> None:
    ring = a_ring(scope=Scope(addresses=("10.0.0.0/8", "2001:db8::/32")))
    assert ring.authenticate({b"x-api-key": KEY}, peer="10.7.0.1").key == "alice"
    assert ring.authenticate({b"x-api-key": KEY}, peer="2001:db8::1").key == "alice"
    for peer in ("192.0.2.1", None, "nonsense"):
        assert code_of(ring, peer=peer) == "address_not_allowed"
    assert code_of(ring, {b"x-forwarded-for": b"10.7.0.1"}, peer="192.0.2.1") == "address_not_allowed"


def test_behind_a_trusted_proxy_the_clients_own_address_counts() -> None:
    ring = a_ring(scope=Scope(addresses=("192.0.2.0/24",)), trusted=("10.0.0.0/8",))
    behind = {b"x-api-key": KEY, b"x-forwarded-for": b"192.0.2.9"}
    assert ring.authenticate(behind, peer="10.0.0.1").key == "alice"
    assert code_of(ring, {b"x-forwarded-for": b"192.0.2.9, 198.51.100.1"}, peer="10.0.0.1") == "address_not_allowed"
    assert code_of(ring, peer="10.0.0.1") == "address_not_allowed"


def test_a_principal_knows_the_teams_above_its_own() -> None:
    key = KeySettings("k", hashlib.sha256(KEY).hexdigest(), team="合同", scope=Scope(routes=("auto",)))
    ring = Keyring([key], [Team("合同", "法务"), Team("法务")])
    assert ring.authenticate({b"x-api-key": KEY}) == Principal(
        key="k", team="合同", parent_teams=("法务",), scope=Scope(routes=("auto",))
    )


CERTIFIED = Keyring(
    [
        KeySettings("batch", "", team="red", certificate="batch.acme.test"),
        KeySettings("alice", hashlib.sha256(KEY).hexdigest(), certificate="alice"),
        KeySettings("gone", "", certificate="gone", disabled=True),
    ]
)


def test_a_certificate_stands_for_the_key_that_names_it() -> None:
    assert CERTIFIED.authenticate({}, certificate=("x", "batch.acme.test")).key == "batch"
    assert CERTIFIED.authenticate({}, certificate=("alice",)).key == "alice"


def test_a_key_that_is_sent_counts_before_the_certificate() -> None:
    assert CERTIFIED.authenticate({b"x-api-key": KEY}, certificate=("batch.acme.test",)).key == "alice"
    with pytest.raises(Unauthenticated, match="is not one of this gateway's"):
        CERTIFIED.authenticate({b"x-api-key": b"wrong"}, certificate=("batch.acme.test",))


def test_a_certificate_that_stands_for_nobody_is_named() -> None:
    with pytest.raises(Unauthenticated, match=r"no API key was sent: .*; the certificate of stranger stands for none"):
        CERTIFIED.authenticate({}, certificate=("stranger",))
    with pytest.raises(Unauthenticated, match="is disabled"):
        CERTIFIED.authenticate({}, certificate=("gone",))
