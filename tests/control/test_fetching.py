from __future__ import annotations

import pytest

from entrepot.control import fetching
from entrepot.control.fetching import fetch_json, is_safe
from entrepot.errors import Unavailable
from tests.control.identity_provider import IdentityProvider, identity_provider


@pytest.mark.parametrize(
    ("url", "safe"),
    [
        ("https://id.example/x", True),
        ("http://127.0.0.1:9/x", True),
        ("http://localhost/x", True),
        ("http://id.example/x", False),
        ("http://127.0.0.1.example/x", False),
        ("http://127.0.0.1@id.example/x", False),
        ("file:///etc/passwd", False),
        ("", False),
    ],
)
def test_without_tls_only_this_machine_is_asked(url: str, safe: bool) -> None:
    assert is_safe(url) is safe
    if not safe:
        with pytest.raises(Unavailable, match="without TLS"):
            fetch_json(url)


@pytest.mark.sockets
def test_what_is_no_small_json_object_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    with identity_provider() as provider:
        with pytest.raises(Unavailable, match="status 404"):
            fetch_json(f"{provider.issuer}/nowhere")
        monkeypatch.setattr(fetching, "MOST_BYTES", 10)
        with pytest.raises(Unavailable, match="too long"):
            fetch_json(f"{provider.issuer}/keys")
        stopped = provider.issuer
    with pytest.raises(Unavailable, match="cannot be reached"):
        fetch_json(stopped)


@pytest.mark.sockets
def test_no_redirect_is_followed() -> None:
    class Redirecting(IdentityProvider):
        def answer(self, path: str, form: dict[str, str], authorization: str) -> tuple[int, dict[str, str]]:
            return (302, {"location": f"{self.issuer}/elsewhere"}) if path == "/realm/x" else (200, {"reached": path})

    with identity_provider(Redirecting()) as provider, pytest.raises(Unavailable, match="status 302"):
        fetch_json(f"{provider.issuer}/x", {"client_secret": "x"})
