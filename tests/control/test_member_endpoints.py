from __future__ import annotations

from tests.control.admin import Admin


def test_a_member_is_made_changed_rotated_and_deleted(admin: Admin) -> None:
    made = admin.ask("POST", "members", {"name": "王伟", "role": "viewer", "teams": ["法务"]}).json
    assert admin.ask("GET", "whoami", key=made["key"]).json["role"] == "viewer"
    path = "members/%E7%8E%8B%E4%BC%9F"
    assert "key" not in admin.ask("GET", path).json
    changed = admin.ask("PATCH", path, {"role": "operator", "confined": True}).json
    assert (changed["role"], changed["confined"], changed["teams"]) == ("operator", True, ["法务"])
    rotated = admin.ask("POST", f"{path}/rotate", {"overlap_s": 0}).json
    assert admin.ask("GET", "whoami", key=made["key"]).status == 401
    me = admin.ask("GET", "whoami", key=rotated["key"]).json
    assert me["may"] == ["read keys", "change keys", "read teams", "read rules"]
    assert admin.ask("DELETE", path).status == 200
    assert admin.ask("GET", "whoami", key=rotated["key"]).status == 401
    assert [member["name"] for member in admin.ask("GET", "members").json] == ["root"]


def test_a_role_that_there_is_not_is_told(admin: Admin) -> None:
    answered = admin.ask("POST", "members", {"name": "a", "role": "owner"})
    assert answered.status == 400
    assert admin.ask("PATCH", "members/root", {"role": "viewer"}).code == "conflict"


def test_nobody_raises_themselves(admin: Admin) -> None:
    olga = admin.member("olga", "operator")
    assert admin.ask("PATCH", "members/olga", {"role": "admin"}, key=olga).status == 403
    assert admin.ask("POST", "members/root/rotate", {}, key=olga).status == 403
    assert admin.ask("GET", "members", key=olga).status == 403
