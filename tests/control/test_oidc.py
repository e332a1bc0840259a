"""Sign-in with an identity provider, as it should be and under attack."""

from __future__ import annotations

import base64
import threading
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import msgspec
import pytest
from joserfc.jwk import ECKey, RSAKey

from entrepot.control import oidc
from entrepot.control.oidc import IdentityProvider
from entrepot.control.people import Person
from entrepot.errors import EntrepotError, Forbidden, InvalidRequest, Unauthenticated, Unavailable
from entrepot.settings.schema import OidcSettings
from tests.control.identity_provider import CLIENT_ID, CLIENT_SECRET, identity_provider
from tests.control.identity_provider import IdentityProvider as StandIn

pytestmark = pytest.mark.sockets
BACK = "https://gateway.example/admin/v1/oidc/callback"


@pytest.fixture
def stand_in() -> Iterator[StandIn]:
    with identity_provider() as provider:
        yield provider


def settings_for(stand_in: StandIn, **changes: Any) -> OidcSettings:
    given = OidcSettings(stand_in.issuer, CLIENT_ID, "env:SECRET", admin_groups=("admins",), teams={"legal": "法务"})
    return msgspec.structs.replace(given, **changes)


def provider_of(stand_in: StandIn, **changes: Any) -> IdentityProvider:
    return IdentityProvider(settings_for(stand_in, **changes), BACK, {"env:SECRET": CLIENT_SECRET}.__getitem__)


def sign_in(provider: IdentityProvider, stand_in: StandIn, **changed: str) -> Person:
    begun = provider.begin(time.time())
    back = {**stand_in.authorize(begun.url), **changed}
    return provider.finish(back, begun.cookie, time.time())


def refused(provider: IdentityProvider, stand_in: StandIn, **changed: str) -> EntrepotError:
    with pytest.raises(EntrepotError) as caught:
        sign_in(provider, stand_in, **changed)
    for secret in (CLIENT_SECRET, "at_hash", "eyJ"):
        assert secret not in caught.value.message
    return caught.value


def test_somebody_signs_in(stand_in: StandIn) -> None:
    stand_in.claims["groups"] = ["admins", "legal"]
    assert sign_in(provider_of(stand_in), stand_in) == Person("ai@example.com (248289)", "admin", "oidc", ("法务",))
    kind, _, pair = stand_in.authorizations[0].partition(" ")
    assert kind == "Basic"
    assert base64.b64decode(pair) == b"entrep%C3%B4t:s%3Aecret%2F%2B%20of%20the%20client"


def test_the_browser_is_sent_with_all_that_protects_the_way(stand_in: StandIn) -> None:
    provider = provider_of(stand_in, scopes=("openid", "groups"))
    first, second = provider.begin(0), provider.begin(0)
    asked = {name: values[0] for name, values in parse_qs(urlsplit(first.url).query).items()}
    assert first.url.startswith(f"{stand_in.issuer}/authorize?")
    assert asked["redirect_uri"] == BACK
    assert asked["scope"] == "openid groups"
    other = {name: values[0] for name, values in parse_qs(urlsplit(second.url).query).items()}
    for name in ("state", "nonce", "code_challenge"):
        assert len(asked[name]) >= 43
        assert asked[name] != other[name]
    assert first.cookie not in first.url


@pytest.mark.parametrize("algorithm", ["ES256", "PS256", "RS512"])
def test_every_usual_signature_is_known(algorithm: str, stand_in: StandIn) -> None:
    stand_in.claims["groups"] = ["admins"]
    stand_in.signs_with = algorithm
    if algorithm == "ES256":
        stand_in.key = ECKey.generate_key("P-256", {"kid": "e"}, private=True)
    if algorithm == "RS512":
        stand_in.spoil = {"at_hash": None}
    assert sign_in(provider_of(stand_in), stand_in).role == "admin"


def test_a_client_without_a_secret_is_known_by_its_verifier(stand_in: StandIn) -> None:
    stand_in.claims["groups"] = ["admins"]
    assert sign_in(provider_of(stand_in, client_secret=None), stand_in).role == "admin"
    assert stand_in.authorizations == [""]


def test_a_provider_that_wants_the_secret_in_the_form_gets_it_there(stand_in: StandIn) -> None:
    stand_in.claims["groups"] = ["admins"]
    stand_in.discovery = {"token_endpoint_auth_methods_supported": ["client_secret_post"]}
    assert sign_in(provider_of(stand_in), stand_in).role == "admin"
    assert stand_in.authorizations == [""]


@pytest.mark.parametrize(
    "spoil",
    [
        {"nonce": "another"},
        {"nonce": None},
        {"aud": "another client"},
        {"aud": None},
        {"aud": [CLIENT_ID, "another"], "azp": "another"},
        {"aud": [CLIENT_ID, "another"]},
        {"iss": "https://other.example"},
        {"iss": None},
        {"exp": 1_700_000_000},
        {"exp": None},
        {"exp": "never"},
        {"iat": 4_000_000_000},
        {"nbf": 4_000_000_000},
        {"sub": None},
        {"sub": ""},
        {"sub": 7},
        {"at_hash": "another"},
        {"changed": True},
    ],
    ids=str,
)
def test_a_token_that_says_something_else_does_not_count(spoil: dict[str, Any], stand_in: StandIn) -> None:
    stand_in.claims["groups"] = ["admins"]
    stand_in.spoil = spoil
    assert isinstance(refused(provider_of(stand_in), stand_in), Unauthenticated)


@pytest.mark.parametrize("algorithm", ["none", "HS256"])
def test_a_token_that_is_not_signed_with_a_private_key_does_not_count(algorithm: str, stand_in: StandIn) -> None:
    stand_in.claims["groups"] = ["admins"]
    stand_in.signs_with = algorithm
    assert isinstance(refused(provider_of(stand_in), stand_in), Unauthenticated)


def test_a_token_signed_by_somebody_else_does_not_count(stand_in: StandIn) -> None:
    stand_in.claims["groups"] = ["admins"]
    provider = provider_of(stand_in)
    sign_in(provider, stand_in)
    published, stranger = stand_in.key, RSAKey.generate_key(2048, {"kid": "first"}, private=True)
    make = stand_in.id_token

    def signed_by_stranger(nonce: str, access_token: str) -> str:
        stand_in.key = stranger
        try:
            return make(nonce, access_token)
        finally:
            stand_in.key = published

    stand_in.id_token = signed_by_stranger  # type: ignore[method-assign]  # the attack
    assert isinstance(refused(provider, stand_in), Unauthenticated)


def test_the_key_is_not_taken_from_the_token_itself(stand_in: StandIn) -> None:
    stand_in.claims["groups"] = ["admins"]
    stranger = RSAKey.generate_key(2048, {"kid": "evil"}, private=True)
    published, make = stand_in.key, stand_in.id_token
    stand_in.headers = {"jwk": stranger.as_dict(private=False), "jku": f"{stand_in.issuer}/evil", "kid": "evil"}

    def with_its_own_key(nonce: str, access_token: str) -> str:
        stand_in.key = stranger
        try:
            return make(nonce, access_token)
        finally:
            stand_in.key = published

    stand_in.id_token = with_its_own_key  # type: ignore[method-assign]  # the attack
    assert isinstance(refused(provider_of(stand_in), stand_in), Unauthenticated)


def test_a_provider_that_changes_its_key_is_asked_for_it_once_more(
    stand_in: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(oidc, "KEYS_REST_S", 0.0)
    stand_in.claims["groups"] = ["admins"]
    provider = provider_of(stand_in)
    sign_in(provider, stand_in)
    sign_in(provider, stand_in)
    assert stand_in.keys_asked == 1
    stand_in.key = RSAKey.generate_key(2048, {"kid": "second"}, private=True)
    assert sign_in(provider, stand_in).role == "admin"
    assert stand_in.keys_asked == 2


def test_what_is_wrong_does_not_make_us_ask_for_keys_again_and_again(stand_in: StandIn) -> None:
    stand_in.signs_with = "none"
    provider = provider_of(stand_in)
    for _ in range(5):
        refused(provider, stand_in)
    assert stand_in.keys_asked == 1


def test_a_state_counts_once_in_one_browser_and_for_a_while(stand_in: StandIn) -> None:
    stand_in.claims["groups"] = ["admins"]
    provider = provider_of(stand_in)
    now_s = time.time()
    begun = provider.begin(now_s)
    back = stand_in.authorize(begun.url)
    assert provider.finish(back, begun.cookie, now_s).role == "admin"
    asked = stand_in.tokens_asked
    with pytest.raises(InvalidRequest):  # replayed
        provider.finish(back, begun.cookie, now_s)
    for cookie in (None, "", "another"):
        begun = provider.begin(now_s)
        with pytest.raises(InvalidRequest, match="another browser"):
            provider.finish(stand_in.authorize(begun.url), cookie, now_s)
    begun = provider.begin(now_s)
    with pytest.raises(InvalidRequest, match="is over"):
        provider.finish(stand_in.authorize(begun.url), begun.cookie, now_s + oidc.LASTS_S)
    for state in ("", "made up"):
        with pytest.raises(InvalidRequest):
            provider.finish({"code": "code-0", "state": state}, begun.cookie, now_s)
    assert stand_in.tokens_asked == asked


def test_one_persons_code_does_not_open_another_ones_session(stand_in: StandIn) -> None:
    stand_in.claims["groups"] = ["admins"]
    provider = provider_of(stand_in)
    victim, attacker = provider.begin(time.time()), provider.begin(time.time())
    stolen = stand_in.authorize(victim.url)["code"]
    state = stand_in.authorize(attacker.url)["state"]
    with pytest.raises(Unavailable, match="status 400"):  # its verifier is the victim's
        provider.finish({"code": stolen, "state": state}, attacker.cookie, time.time())


def test_an_answer_of_another_provider_is_none(stand_in: StandIn) -> None:
    error = refused(provider_of(stand_in), stand_in, iss="https://other.example")
    assert isinstance(error, Unauthenticated)
    assert stand_in.tokens_asked == 0


def test_what_the_provider_refuses_is_told_on_one_line(stand_in: StandIn) -> None:
    error = refused(provider_of(stand_in), stand_in, error="access_denied\r\nset-cookie: a=b" * 20)
    assert "access_denied" in error.message
    assert "\n" not in error.message
    assert len(error.message) < 200
    assert isinstance(refused(provider_of(stand_in), stand_in, code=""), InvalidRequest)


def test_a_discovery_document_of_another_issuer_does_not_count(stand_in: StandIn) -> None:
    stand_in.discovery = {"issuer": "https://other.example"}
    with pytest.raises(Unavailable, match="another issuer"):
        provider_of(stand_in).begin(0)


@pytest.mark.parametrize("name", ["authorization_endpoint", "token_endpoint", "jwks_uri"])
def test_a_discovery_document_that_lacks_something_is_told(name: str, stand_in: StandIn) -> None:
    stand_in.discovery = {name: None}
    with pytest.raises(Unavailable, match=name):
        sign_in(provider_of(stand_in), stand_in)


def test_a_token_endpoint_without_tls_gets_no_secret(stand_in: StandIn) -> None:
    stand_in.discovery = {"token_endpoint": "http://id.example/token"}
    assert "without TLS" in refused(provider_of(stand_in), stand_in).message


def test_groups_that_the_token_lacks_are_asked_for(stand_in: StandIn) -> None:
    del stand_in.claims["groups"]
    stand_in.userinfo = {"sub": "248289", "groups": ["legal"], "email": "other@example.com"}
    found = sign_in(provider_of(stand_in), stand_in)
    assert (found.role, found.teams, found.confined) == ("viewer", ("法务",), True)
    assert found.name == "ai@example.com (248289)"
    assert stand_in.authorizations[-1] == "Bearer at"
    stand_in.userinfo = {"sub": "somebody else", "groups": ["admins"]}
    assert isinstance(refused(provider_of(stand_in), stand_in), Forbidden)


def test_who_is_in_no_group_stays_outside(stand_in: StandIn) -> None:
    assert refused(provider_of(stand_in), stand_in).code == "no_group"


def test_sign_ins_that_are_begun_and_left_do_not_pile_up(stand_in: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(oidc, "MOST_PENDING", 3)
    provider = provider_of(stand_in)
    begun = [provider.begin(0) for _ in range(5)]
    assert len(provider._pending) == 3
    with pytest.raises(InvalidRequest):
        provider.finish(stand_in.authorize(begun[0].url), begun[0].cookie, 1)


def test_several_sign_in_at_once(stand_in: StandIn) -> None:
    stand_in.claims["groups"] = ["admins"]
    provider, found = provider_of(stand_in), []
    threads = [threading.Thread(target=lambda: found.append(sign_in(provider, stand_in).role)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == ["admin"] * 8
