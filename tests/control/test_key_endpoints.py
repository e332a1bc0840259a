from __future__ import annotations

import time

import pytest

from entrepot.control.in_force import put_in_force
from entrepot.settings.client_key import is_well_formed
from entrepot.settings.principals import principal_of
from tests.control.admin import Admin


def test_a_key_is_made_shown_changed_rotated_and_deleted(admin: Admin) -> None:
    scope = {"routes": ["auto"], "addresses": ["10.0.0.0/8"]}
    made = admin.ask("POST", "keys", {"name": "网站", "team": "法务", "tags": ["机密"], "scope": scope}).json
    assert is_well_formed(made["key"])
    shown = admin.ask("GET", "keys/%E7%BD%91%E7%AB%99").json
    assert "key" not in shown
    assert (shown["team"], shown["tags"], shown["scope"]["routes"]) == ("法务", ["机密"], ["auto"])
    changed = admin.ask("PATCH", "keys/%E7%BD%91%E7%AB%99", {"tags": [], "expires_s": 4e9, "disabled": True}).json
    assert (changed["tags"], changed["expires_s"], changed["state"], changed["team"]) == ([], 4e9, "disabled", "法务")
    again = admin.ask("PATCH", "keys/%E7%BD%91%E7%AB%99", {"expires_s": None, "disabled": False}).json
    assert (again["expires_s"], again["state"]) == (None, "active")
    rotated = admin.ask("POST", "keys/%E7%BD%91%E7%AB%99/rotate").json
    assert rotated["key"] != made["key"]
    assert rotated["secrets"][0]["until_s"] == pytest.approx(time.time() + 86_400, abs=60)
    assert admin.ask("DELETE", "keys/%E7%BD%91%E7%AB%99").json == {"name": "网站", "deleted": True}
    assert admin.ask("GET", "keys/%E7%BD%91%E7%AB%99").status == 404
    assert admin.ask("POST", "keys", {"name": "网站"}).status == 409


def test_what_a_key_says_of_its_requests_reaches_rules(admin: Admin) -> None:
    made = admin.ask("POST", "keys", {"name": "a", "data_classes": ["机密数据"], "region": "CN"}).json
    assert (made["data_classes"], made["region"]) == (["机密数据"], "CN")
    (key,) = (each for each in put_in_force(admin.settings, admin.store.snapshot()).keys if each.name == "a")
    principal = principal_of(key, {})
    assert (principal.data_classes, principal.region) == (frozenset({"机密数据"}), "CN")
    rule = {"when": {"data_classes": ["机密数据"]}, "require": {"on_premises": True}}
    assert admin.ask("PUT", "rules/r", rule).status == 200
    assert admin.ask("PATCH", "keys/a", {"region": None, "data_classes": []}).json["region"] is None
    assert admin.ask("PATCH", "keys/a", {"region": "Chine"}).status == 400


@pytest.mark.parametrize(
    ("body", "status", "told"),
    [
        ({"name": "from the file"}, 409, "the settings file has a key"),
        ({"name": "a", "scope": {"routes": ["atuo"]}}, 400, "did you mean 'auto'"),
        ({"name": "a", "scope": {"addresses": ["10.0.0.1/8"]}}, 400, "beyond its prefix"),
        ({"name": "a", "expires_s": 1}, 400, "expired already"),
        ({"name": "a", "expires_s": 1e300}, 400, "Unix time"),
        ({"name": "a", "tags": ["x\ny"]}, 400, "printable"),
    ],
)
def test_a_key_that_cannot_be_meant_is_not_made(body: object, status: int, told: str, admin: Admin) -> None:
    answered = admin.ask("POST", "keys", body)
    assert answered.status == status
    assert told in answered.json["error"]["message"]
    assert admin.store.snapshot().keys == ()


def test_keys_of_the_file_are_listed_and_cannot_be_changed(admin: Admin) -> None:
    admin.client_key("web")
    listed = admin.ask("GET", "keys").json
    assert [(key["name"], key["kept_in"]) for key in listed] == [
        ("web", "store"),
        ("from the file", "file"),
        ("单独的", "file"),
    ]
    assert admin.ask("DELETE", "keys/from%20the%20file").status == 404
    assert "0" * 64 not in admin.ask("GET", "keys").body.decode()


def test_who_is_confined_reaches_keys_of_their_teams_alone(admin: Admin) -> None:
    for name, team in (("own", "法务"), ("below", "合同"), ("other", "销售"), ("nobody's", None)):
        admin.client_key(name, team=team)
    admin.ask("PUT", "teams/%E5%90%88%E5%90%8C", {"parent": "法务"})
    olga = admin.member("olga", "operator", "法务", confined=True)
    assert {key["name"] for key in admin.ask("GET", "keys", key=olga).json} == {"own", "below", "from the file"}
    for name in ("other", "nobody's"):
        for method, path in (("GET", ""), ("PATCH", ""), ("DELETE", ""), ("POST", "/rotate")):
            assert admin.ask(method, f"keys/{name}{path}", {}, key=olga).status == 404
    assert admin.ask("POST", "keys/below/rotate", {}, key=olga).status == 200
    assert admin.ask("POST", "keys", {"name": "n1", "team": "合同"}, key=olga).status == 200
    for body in ({"name": "n2", "team": "销售"}, {"name": "n2"}, {"name": "n2", "team": "集团"}):
        assert admin.ask("POST", "keys", body, key=olga).status == 403
    for team in ("销售", None):
        assert admin.ask("PATCH", "keys/own", {"team": team}, key=olga).status == 403
    assert admin.ask("GET", "keys/own").json["team"] == "法务"


def test_a_viewer_sees_and_does_not_touch(admin: Admin) -> None:
    admin.client_key("web")
    viewer = admin.member("victor", "viewer")
    assert admin.ask("GET", "keys/web", key=viewer).status == 200
    for method, path in (("POST", "keys"), ("PATCH", "keys/web"), ("DELETE", "keys/web"), ("POST", "keys/web/rotate")):
        assert admin.ask(method, path, {"name": "x"}, key=viewer).status == 403
