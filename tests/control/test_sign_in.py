from __future__ import annotations

import pytest

from entrepot.control.sign_in import check_same_site
from entrepot.errors import Forbidden
from tests.control.admin import Admin, Answered

OURS = {"sec_fetch_site": "same-origin"}


def logged_in(admin: Admin, key: str | None = None) -> str:
    answered = admin.ask("POST", "login", {"key": key or admin.key}, key="")
    assert answered.status == 200
    assert b"HttpOnly" in answered.headers[b"set-cookie"]
    cookie: bytes = answered.headers[b"set-cookie"].partition(b";")[0]
    return cookie.decode()


def by_session(admin: Admin, cookie: str, method: str = "GET", path: str = "whoami", **headers: str) -> Answered:
    body = {"name": "x"} if method == "POST" else None
    return admin.ask(method, path, body, key="", cookie=cookie, **headers)


@pytest.mark.parametrize("key", ["", "ent-", "sk-somebody's", "\u00ff" * 10, "x" * 600])
def test_what_is_no_members_key_opens_nothing(key: str, admin: Admin) -> None:
    for answered in (admin.ask("GET", "whoami", key=key or "-"), admin.ask("POST", "login", {"key": key}, key="")):
        assert answered.status == 401
        assert key not in answered.body.decode() or not key


def test_a_key_that_was_cut_or_changed_opens_nothing(admin: Admin) -> None:
    for forged in (admin.key[:-1], f"{admin.key}0", admin.key[1:], admin.key.upper(), admin.key[:-1] + "\0"):
        assert admin.ask("GET", "whoami", key=forged).status == 401


def test_a_clients_key_does_not_open_the_admin_api(admin: Admin) -> None:
    client = admin.client_key("web")
    answered = admin.ask("GET", "whoami", key=client)
    assert answered.status == 401
    assert client not in answered.body.decode()


def test_a_session_is_worth_as_much_as_its_key(admin: Admin) -> None:
    operator = admin.member("olga", "operator")
    cookie = logged_in(admin, operator)
    assert by_session(admin, cookie).json["name"] == "olga"
    assert by_session(admin, cookie, "POST", "keys", **OURS).status == 200
    assert by_session(admin, cookie, "POST", "members", **OURS).status == 403
    assert admin.ask("PATCH", "members/olga", {"disabled": True}).status == 200
    ended = by_session(admin, cookie)
    assert (ended.status, ended.code) == (401, "expired_session")
    admin.ask("PATCH", "members/olga", {"disabled": False})
    assert by_session(admin, cookie).status == 200
    admin.ask("POST", "members/olga/rotate", {"overlap_s": 0})
    assert by_session(admin, cookie).status == 401


def test_a_session_ends_when_it_is_closed(admin: Admin) -> None:
    cookie = logged_in(admin)
    left = by_session(admin, cookie, "POST", "logout", **OURS)
    assert left.status == 200
    assert b"Max-Age=0" in left.headers[b"set-cookie"]
    assert by_session(admin, cookie).status == 401
    assert by_session(admin, "entrepot-session=made-up").status == 401


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"sec_fetch_site": "cross-site"},
        {"sec_fetch_site": "same-site", "origin": "http://h", "host": "h"},
        {"sec_fetch_site": "none"},
        {"origin": "http://evil.example", "host": "127.0.0.1:8081"},
        {"origin": "null", "host": "127.0.0.1:8081"},
        {"origin": "", "host": ""},
    ],
)
def test_a_session_changes_nothing_where_another_site_may_ask(headers: dict[str, str], admin: Admin) -> None:
    cookie = logged_in(admin)
    refused = by_session(admin, cookie, "POST", "keys", **headers)
    assert (refused.status, refused.code) == (403, "cross_site")
    assert by_session(admin, cookie, "POST", "logout", **headers).status == 403
    assert admin.store.snapshot().keys == ()
    assert admin.ask("POST", "keys", {"name": "x"}, **headers).status == 200  # another site cannot send a key


def test_an_older_browser_tells_by_the_origin() -> None:
    check_same_site({b"origin": b"https://gateway.example:8081", b"host": b"gateway.example:8081"})
    with pytest.raises(Forbidden):
        check_same_site({b"origin": b"https://gateway.example", b"host": b"gateway.example:8081"})


def test_another_site_signs_nobody_in(admin: Admin) -> None:
    answered = admin.ask("POST", "login", {"key": admin.key}, key="", sec_fetch_site="cross-site")
    assert (answered.status, answered.code) == (403, "cross_site")


def test_signing_in_leaves_a_trace(admin: Admin) -> None:
    logged_in(admin)
    (change, *_) = admin.ask("GET", "audit").json
    assert (change["who"], change["via"], change["action"]) == ("root", "key", "sign in")
