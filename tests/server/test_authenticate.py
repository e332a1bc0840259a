from __future__ import annotations

import hashlib

import pytest

from entrepot.errors import Unauthenticated
from entrepot.policy.rules import Principal
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
