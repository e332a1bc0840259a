"""Sign-in with an identity provider: OpenID Connect, authorization code with PKCE.

Rules of this file. What we send and expect to come back (state, nonce, verifier) is random, bound to the browser by a cookie,
used once and forgotten after a few minutes. A token counts if it is signed with one of the provider's own public keys by an
asymmetric algorithm, is issued by this provider for us, now, in answer to our nonce; Authlib judges its claims. Endpoints come
from the provider's discovery document, which must name the issuer that the settings name. All fetching is off the event loop.
Sources: OpenID Connect Core 1.0 (3.1.3.7), Discovery 1.0 (4.3), RFC 7636, RFC 9207.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
import threading
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote, urlencode

import msgspec

from entrepot.control.claims import has_groups, person_of_claims
from entrepot.control.fetching import fetch_json
from entrepot.control.oidc_endpoints import Begun
from entrepot.control.people import Person
from entrepot.errors import EntrepotError, ExtraMissing, Forbidden, InvalidRequest, Unauthenticated, Unavailable
from entrepot.settings.schema import OidcSettings

try:
    from authlib.oauth2.rfc7636 import create_s256_code_challenge
    from authlib.oidc.core import CodeIDToken
    from joserfc import jwt
    from joserfc.errors import JoseError
    from joserfc.jwk import KeySet
except ImportError as error:
    raise ExtraMissing("signing in with an identity provider ([control.oidc])", "oidc") from error

LASTS_S = 600.0
MOST_PENDING = 10_000
KEYS_LAST_S = 3600.0
KEYS_REST_S = 30.0
LEEWAY_S = 60
ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519")


class Pending(msgspec.Struct, frozen=True):
    """A sign-in that was begun: what must come back with it."""

    until_s: float
    browser: bytes
    nonce: str
    verifier: str


class IdentityProvider:
    """The identity provider of the settings. Safe to use from several threads."""

    def __init__(self, settings: OidcSettings, redirect_url: str, read_secret: Callable[[str], str]) -> None:
        self._settings = settings
        self._redirect_url = redirect_url
        self._read_secret = read_secret
        self._lock = threading.Lock()
        self._pending: dict[str, Pending] = {}
        self._found: dict[str, Any] | None = None
        self._keys: KeySet | None = None
        self._keys_at_s = 0.0

    def begin(self, now_s: float) -> Begun:
        """Send somebody to the provider. Raises Unavailable."""
        found = self._discover()
        state, cookie, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(4))
        with self._lock:
            self._pending = {key: one for key, one in self._pending.items() if one.until_s > now_s}
            while len(self._pending) >= MOST_PENDING:
                del self._pending[next(iter(self._pending))]
            self._pending[state] = Pending(now_s + LASTS_S, _digest(cookie), nonce, verifier)
        query = {
            "response_type": "code",
            "client_id": self._settings.client_id,
            "redirect_uri": self._redirect_url,
            "scope": " ".join(dict.fromkeys(("openid", *self._settings.scopes))),
            "state": state,
            "nonce": nonce,
            "code_challenge": create_s256_code_challenge(verifier),
            "code_challenge_method": "S256",
        }
        address = _text(found, "authorization_endpoint")
        return Begun(f"{address}{'&' if '?' in address else '?'}{urlencode(query)}", cookie)

    def finish(self, query: Mapping[str, str], cookie: str | None, now_s: float) -> Person:
        """The person who came back. Raises Unauthenticated, Forbidden, InvalidRequest or Unavailable."""
        with self._lock:
            pending = self._pending.pop(query.get("state", ""), None)
        if pending is None or pending.until_s <= now_s:
            raise InvalidRequest("this sign-in was not begun here, or is over: begin anew", param="state")
        if cookie is None or not hmac.compare_digest(_digest(cookie), pending.browser):
            raise InvalidRequest("this sign-in was begun in another browser: begin anew", param="state")
        if query.get("iss", self._settings.issuer) != self._settings.issuer:
            raise Unauthenticated("the answer is another identity provider's")
        if "error" in query:
            told = "".join(each for each in query["error"][:100] if each.isprintable())
            raise Unauthenticated(f"the identity provider refused: {told}")
        if not query.get("code"):
            raise InvalidRequest("the identity provider sent no code", param="code")
        tokens = self._exchange(query["code"], pending.verifier)
        claims = self._validate(_text(tokens, "id_token"), tokens.get("access_token"), pending.nonce, now_s)
        if not has_groups(claims, self._settings.groups_claim):
            claims = self._with_userinfo(claims, tokens.get("access_token"))
        return person_of_claims(claims, self._settings)

    def _discover(self) -> dict[str, Any]:
        if self._found is None:
            found = fetch_json(f"{self._settings.issuer.rstrip('/')}/.well-known/openid-configuration")
            if found.get("issuer") != self._settings.issuer:
                raise Unavailable("the identity provider's discovery document names another issuer than [control.oidc]")
            self._found = found
        return self._found

    def _exchange(self, code: str, verifier: str) -> dict[str, Any]:
        found = self._discover()
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self._redirect_url,
            "code_verifier": verifier,
        }
        headers: dict[str, str] = {}
        reference, client = self._settings.client_secret, self._settings.client_id
        if reference is None:
            form["client_id"] = client
        else:
            secret = self._read_secret(reference)
            if "client_secret_basic" in found.get("token_endpoint_auth_methods_supported", ["client_secret_basic"]):
                pair = f"{quote(client, safe='')}:{quote(secret, safe='')}"
                headers["authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
            else:
                form |= {"client_id": client, "client_secret": secret}
        return fetch_json(_text(found, "token_endpoint"), form, headers)

    def _validate(self, id_token: str, access_token: object, nonce: str, now_s: float) -> dict[str, Any]:
        """The claims of a token that counts. Raises Unauthenticated, which says what is wrong and repeats nothing of it."""
        try:
            try:
                token = jwt.decode(id_token, self._key_set(now_s), algorithms=list(ALGORITHMS))
            except (JoseError, ValueError):  # keys are changed now and then: ask for them once more
                token = jwt.decode(id_token, self._key_set(now_s, anew=True), algorithms=list(ALGORITHMS))
            options = {
                "iss": {"essential": True, "value": self._settings.issuer},
                "aud": {"essential": True, "value": self._settings.client_id},
            }
            expected = {"client_id": self._settings.client_id, "nonce": nonce, "access_token": access_token}
            claims = CodeIDToken(token.claims, token.header, options, expected)
            claims.validate(now=int(now_s), leeway=LEEWAY_S)
        except EntrepotError:
            raise
        except (JoseError, ValueError, TypeError, KeyError, AttributeError) as error:
            raise Unauthenticated(f"the identity provider's token does not count: {type(error).__name__}") from None
        if not isinstance(claims.get("sub"), str) or not claims["sub"]:
            raise Unauthenticated("the identity provider's token does not count: it is nobody's")
        return dict(claims)

    def _key_set(self, now_s: float, *, anew: bool = False) -> KeySet:
        lasts_s = KEYS_REST_S if anew else KEYS_LAST_S
        with self._lock:
            if self._keys is not None and now_s - self._keys_at_s < lasts_s:
                return self._keys
        found = fetch_json(_text(self._discover(), "jwks_uri")).get("keys", [])
        public = [
            key
            for key in found
            if isinstance(key, dict) and key.get("kty") in ("RSA", "EC", "OKP") and key.get("use", "sig") == "sig"
        ]
        keys = KeySet.import_key_set({"keys": public})
        with self._lock:
            self._keys, self._keys_at_s = keys, now_s
        return keys

    def _with_userinfo(self, claims: dict[str, Any], access_token: object) -> dict[str, Any]:
        """The claims with those that the provider gives to whoever has the access token."""
        address = self._discover().get("userinfo_endpoint")
        if not isinstance(address, str) or not isinstance(access_token, str):
            return claims
        more = fetch_json(address, headers={"authorization": f"Bearer {access_token}"})
        if more.get("sub") != claims["sub"]:
            raise Forbidden("the identity provider speaks of another person than its token does")
        return {**more, **claims}


def _text(found: Mapping[str, Any], name: str) -> str:
    value = found.get(name)
    if not isinstance(value, str) or not value:
        raise Unavailable(f"the identity provider does not say its {name}")
    return value


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()
