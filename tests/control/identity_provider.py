"""A stand-in for an identity provider, on loopback: real signatures, and every way to get them wrong."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import hmac
import itertools
import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

from joserfc import jwt
from joserfc.jwk import ECKey, KeySet, OctKey, RSAKey

CLIENT_ID = "entrepôt"
CLIENT_SECRET = "s:ecret/+ of the client"


def b64(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()


class IdentityProvider:
    """What it says of whoever signs in is in `claims`; `spoil` changes the token or how it is signed."""

    def __init__(self) -> None:
        self.key: RSAKey | ECKey = RSAKey.generate_key(2048, {"kid": "first", "use": "sig"}, private=True)
        self.claims: dict[str, Any] = {"sub": "248289", "email": "ai@example.com", "email_verified": True, "groups": []}
        self.userinfo: dict[str, Any] = {}
        self.spoil: dict[str, Any] = {}
        self.headers: dict[str, Any] = {}
        self.discovery: dict[str, Any] = {}
        self.signs_with: str = "RS256"
        self.tokens_asked = 0
        self.keys_asked = 0
        self.authorizations: list[str] = []
        self._codes: dict[str, dict[str, str]] = {}
        self._numbers = itertools.count()
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.issuer = f"http://127.0.0.1:{self.server.server_port}/realm"

    def authorize(self, url: str) -> dict[str, str]:
        """What the browser brings back once somebody has signed in at `url`."""
        asked = dict(parse_qsl(urlsplit(url).query))
        assert asked["response_type"] == "code"
        assert asked["code_challenge_method"] == "S256"
        assert "openid" in asked["scope"].split()
        code = f"code-{next(self._numbers)}"
        self._codes[code] = asked
        return {"code": code, "state": asked["state"], "iss": self.issuer}

    def id_token(self, nonce: str, access_token: str) -> str:
        now_s = int(time.time())
        half = hashlib.sha256(access_token.encode()).digest()[:16]
        claims = {
            "iss": self.issuer,
            "aud": CLIENT_ID,
            "iat": now_s,
            "exp": now_s + 300,
            "nonce": nonce,
            "at_hash": b64(half),
            **self.claims,
            **self.spoil,
        }
        claims = {name: value for name, value in claims.items() if value is not None}
        if self.signs_with == "none":
            unsigned = b64(b'{"alg":"none"}')
            return f"{unsigned}.{b64(json.dumps(claims).encode())}."
        if self.signs_with == "HS256":  # the public key taken for a secret
            head = b64(b'{"alg":"HS256","kid":"first"}')
            signed = f"{head}.{b64(json.dumps(claims).encode())}"
            mac = hmac.digest(self.key.as_pem(private=False), signed.encode(), "sha256")
            return f"{signed}.{b64(mac)}"
        header = {"alg": self.signs_with, "kid": self.key.kid, **self.headers}
        token = jwt.encode(header, claims, self.key, algorithms=[self.signs_with])
        if self.spoil.get("changed"):
            head, _, tail = token.split(".")
            return f"{head}.{b64(json.dumps({**claims, 'groups': ['admins']}).encode())}.{tail}"
        return token

    def answer(self, path: str, form: dict[str, str], authorization: str) -> tuple[int, dict[str, Any]]:
        if path == "/realm/.well-known/openid-configuration":
            return 200, {
                "issuer": self.issuer,
                "authorization_endpoint": f"{self.issuer}/authorize",
                "token_endpoint": f"{self.issuer}/token",
                "jwks_uri": f"{self.issuer}/keys",
                "userinfo_endpoint": f"{self.issuer}/userinfo",
                **self.discovery,
            }
        if path == "/realm/keys":
            self.keys_asked += 1
            other = OctKey.generate_key(256).as_dict(private=True)
            return 200, {"keys": [other, *KeySet([self.key]).as_dict(private=False)["keys"]]}
        if path == "/realm/userinfo":
            self.authorizations.append(authorization)
            return 200, self.userinfo
        return self._token(form, authorization) if path == "/realm/token" else (404, {})

    def _token(self, form: dict[str, str], authorization: str) -> tuple[int, dict[str, Any]]:
        self.tokens_asked += 1
        self.authorizations.append(authorization)
        asked = self._codes.pop(form.get("code", ""), None)
        challenge = b64(hashlib.sha256(form.get("code_verifier", "").encode()).digest())
        if asked is None or asked["code_challenge"] != challenge or asked["redirect_uri"] != form["redirect_uri"]:
            return 400, {"error": "invalid_grant"}
        return 200, {
            "access_token": "at",
            "token_type": "Bearer",
            "id_token": self.id_token(asked["nonce"], "at"),
        }

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        provider = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self._say({})

            def do_POST(self) -> None:
                data = self.rfile.read(int(self.headers["content-length"])).decode()
                self._say({name: values[0] for name, values in parse_qs(data).items()})

            def _say(self, form: dict[str, str]) -> None:
                status, value = provider.answer(self.path, form, self.headers.get("authorization", ""))
                body = json.dumps(value).encode()
                self.send_response(status, None)
                if "location" in value:
                    self.send_header("location", str(value["location"]))
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_args: Any) -> None:
                pass

        return Handler


@contextlib.contextmanager
def identity_provider(provider: IdentityProvider | None = None) -> Iterator[IdentityProvider]:
    """One that runs for as long as the block lasts."""
    provider = provider or IdentityProvider()
    thread = threading.Thread(target=provider.server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield provider
    finally:
        provider.server.shutdown()
        provider.server.server_close()
        thread.join()
