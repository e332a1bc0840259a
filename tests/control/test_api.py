from __future__ import annotations

import json

import pytest

from entrepot.control.api import ENDPOINTS, MOST_BODY_BYTES, Endpoint, find_endpoint
from entrepot.control.objects import Role
from entrepot.control.people import GRANTS
from entrepot.errors import MethodNotAllowed, NotFound
from tests.control.admin import Admin


def test_a_name_in_a_path_may_hold_anything() -> None:
    endpoint, named = find_endpoint("GET", "/admin/v1/keys/a%2Fb%20%E7%BD%91")
    assert (endpoint.path, named) == ("keys/{name}", {"name": "a/b 网"})


@pytest.mark.parametrize("path", ["/", "/admin/v1", "/admin/v1/", "/admin/v1/keyz", "/admin/v1/keys/a/b", "/v1/models"])
def test_where_nothing_is_there_is_nothing(path: str, admin: Admin) -> None:
    with pytest.raises(NotFound):
        find_endpoint("GET", path)
    assert admin.ask("GET", path, key="").status == 404


def test_another_method_is_told_which_there_are(admin: Admin) -> None:
    with pytest.raises(MethodNotAllowed):
        find_endpoint("POST", "/admin/v1/rules")
    answered = admin.ask("POST", "keys/a")
    assert (answered.status, answered.headers[b"allow"]) == (405, b"GET, PATCH, DELETE")
    assert admin.ask("GET", "login", key="").headers[b"allow"] == b"POST"


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=lambda one: f"{one.method} {one.path}")
def test_nothing_is_there_for_nobody_and_for_a_role_below(endpoint: Endpoint, admin: Admin) -> None:
    method, permission = endpoint.method, endpoint.permission
    path = endpoint.path.replace("{name}", "x")
    assert admin.ask(method, path, {}, key="").status == 401
    if permission is None:
        return
    below: dict[Role, Role] = {"operator": "viewer", "admin": "operator"}
    if GRANTS[permission].least in below:
        refused = admin.ask(method, path, {}, key=admin.member("below", below[GRANTS[permission].least]))
        assert (refused.status, refused.code) == (403, "forbidden")
    if not GRANTS[permission].confined:
        confined = admin.member("confined", "operator", "法务", confined=True)
        assert admin.ask(method, path, {}, key=confined).status == 403
    assert len(admin.store.snapshot().keys) == len(admin.store.snapshot().rules) == 0


def test_nothing_that_is_answered_is_kept_or_framed(admin: Admin) -> None:
    for answered in (admin.ask("GET", "whoami"), admin.ask("GET", "whoami", key=""), admin.ask("GET", "nowhere")):
        assert answered.headers[b"cache-control"] == b"no-store"
        assert answered.headers[b"x-content-type-options"] == b"nosniff"
        assert b"default-src 'none'" in answered.headers[b"content-security-policy"]
        assert not any(name.startswith(b"access-control") for name in answered.headers)


def test_a_body_that_is_too_large_is_refused_unread(admin: Admin) -> None:
    answered = admin.ask("POST", "keys", b"x" * (MOST_BODY_BYTES + 1))
    assert (answered.status, answered.code) == (413, "request_too_large")
    declared = admin.ask("POST", "keys", b"{}", content_length=str(10**12))
    assert declared.status == 413
    assert admin.ask("POST", "keys", b"{}", content_encoding="gzip").status == 400


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"null", b'{"name": 1}', b'{"nane": "x"}', b"\xff", b"[" * 100_000, b'{"name": "a"} x']
)
def test_a_body_that_is_wrong_is_told_and_changes_nothing(body: bytes, admin: Admin) -> None:
    before = admin.store.snapshot().version
    answered = admin.ask("POST", "keys", body)
    assert answered.status == 400
    assert admin.store.snapshot().version == before


@pytest.mark.parametrize("name", ["", " a", "a\nb", "a\r\nset-cookie: x=y", "a\x00", "\u2028", "x" * 201])
def test_no_name_gets_into_a_header_or_onto_a_second_line(name: str, admin: Admin) -> None:
    for path, body in (("keys", {"name": name}), ("members", {"name": name, "role": "viewer"})):
        assert admin.ask("POST", path, body).status == 400
    if name:
        path = "".join(f"%{byte:02X}" for byte in name.encode())
        for kind in ("rules", "teams", "budgets"):
            assert admin.ask("PUT", f"{kind}/{path}", {}).status == 400
        for answered in (admin.ask("DELETE", f"keys/{path}"), admin.ask("GET", f"{path}")):
            assert answered.status == 404
            assert all(b"\r" not in value and b"\n" not in value for value in answered.headers.values())


def test_whether_the_process_lives_is_told_to_anybody(admin: Admin) -> None:
    assert json.loads(admin.ask("GET", "/livez", key="").body) == {"status": "live"}
