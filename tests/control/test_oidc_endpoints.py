from __future__ import annotations

from urllib.parse import urlencode

import msgspec
import pytest

from entrepot.control.objects import Snapshot
from entrepot.control.serving import build_api
from entrepot.settings.schema import ControlSettings, OidcSettings
from tests.control.admin import Admin
from tests.control.identity_provider import CLIENT_ID, IdentityProvider, identity_provider

pytestmark = pytest.mark.sockets
OURS = {"sec_fetch_site": "same-origin"}


def over(admin: Admin, stand_in: IdentityProvider, **changes: object) -> Admin:
    """The same API, with an identity provider."""
    oidc = OidcSettings(
        stand_in.issuer, CLIENT_ID, operator_groups=("ops",), teams={"legal": "法务"}, team_role="operator"
    )
    control = msgspec.structs.replace(ControlSettings(oidc=oidc), **changes)
    admin.api = build_api(admin.settings, control, admin.store, "http://127.0.0.1:8081")
    return admin


def cookies_of(headers: list[tuple[bytes, bytes]]) -> list[str]:
    return [value.decode() for name, value in headers if name == b"set-cookie"]


def test_a_browser_goes_there_and_comes_back_signed_in(admin: Admin) -> None:
    with identity_provider() as stand_in:
        over(admin, stand_in, public_url="https://gateway.example")
        stand_in.claims["groups"] = ["ops"]
        gone = admin.ask("GET", "oidc/login", key="")
        assert gone.status == 303
        (bound,) = cookies_of(gone.all_headers)
        assert "HttpOnly; SameSite=Lax; Secure" in bound
        assert "Path=/admin/v1/oidc;" in bound
        location = gone.headers[b"location"].decode()
        assert "redirect_uri=https%3A%2F%2Fgateway.example%2Fadmin%2Fv1%2Foidc%2Fcallback" in location
        back = stand_in.authorize(location)
        cookie = bound.partition(";")[0]
        come = admin.ask("GET", f"oidc/callback?{urlencode(back)}", key="", cookie=cookie)
        assert come.status == 303
        session = next(each for each in cookies_of(come.all_headers) if each.startswith("entrepot-session="))
        assert "HttpOnly; SameSite=Lax; Secure" in session
        signed_in = {"key": "", "cookie": session.partition(";")[0]}
        assert admin.ask("GET", "whoami", **signed_in).json["name"] == "ai@example.com (248289)"
        assert admin.ask("POST", "keys", {"name": "made"}, **signed_in, **OURS).status == 200
        assert admin.ask("POST", "keys", {"name": "not made"}, **signed_in).status == 403
        assert admin.ask("POST", "members", {"name": "m", "role": "admin"}, **signed_in, **OURS).status == 403
        trail = admin.ask("GET", "audit").json
        assert [(one["who"], one["via"], one["action"]) for one in trail[:2]] == [
            ("ai@example.com (248289)", "oidc", "create"),
            ("ai@example.com (248289)", "oidc", "sign in"),
        ]
        again = admin.ask("GET", f"oidc/callback?{urlencode(back)}", key="", cookie=cookie)
        assert again.status == 400
        assert cookies_of(again.all_headers) == []


def test_a_team_from_a_group_is_acted_on_and_no_other(admin: Admin) -> None:
    with identity_provider() as stand_in:
        over(admin, stand_in)
        stand_in.claims["groups"] = ["legal"]
        gone = admin.ask("GET", "oidc/login", key="")
        back = stand_in.authorize(gone.headers[b"location"].decode())
        cookie = cookies_of(gone.all_headers)[0].partition(";")[0]
        come = admin.ask("GET", f"oidc/callback?{urlencode(back)}", key="", cookie=cookie)
        session = cookies_of(come.all_headers)[0].partition(";")[0]
        for name, team, status in (("a", "法务", 200), ("b", "商店", 403), ("c", None, 403)):
            asked = admin.ask("POST", "keys", {"name": name, "team": team}, key="", cookie=session, **OURS)
            assert asked.status == status
        assert admin.ask("GET", "rules", key="", cookie=session).status == 200
        assert admin.ask("PUT", "rules/x", {}, key="", cookie=session, **OURS).status == 403


def test_without_an_identity_provider_it_is_said(admin: Admin) -> None:
    answered = admin.ask("GET", "oidc/login", key="")
    assert answered.status == 404
    assert "[control.oidc]" in answered.json["error"]["message"]


def test_other_methods_and_a_provider_that_is_down_are_told(admin: Admin) -> None:
    with identity_provider() as stand_in:
        over(admin, stand_in)
        assert admin.ask("POST", "oidc/callback", key="").status == 405
    assert admin.ask("GET", "oidc/login", key="").status == 503
    assert admin.ask("GET", "whoami").status == 200


def test_the_store_is_as_it_was_where_nobody_came_back(admin: Admin) -> None:
    store = admin.store
    with identity_provider() as stand_in:
        over(admin, stand_in)
        before: Snapshot = store.snapshot()
        for query in ("", "state=x&code=y", "error=access_denied", "state=" + "x" * 10_000):
            assert admin.ask("GET", f"oidc/callback?{query}", key="").status == 400
        assert store.snapshot() == before
