from __future__ import annotations

import pytest

from tests.control.admin import Admin


def test_every_change_over_the_api_is_told_with_who_and_what(admin: Admin) -> None:
    admin.ask("PUT", "teams/a", {"parent": "法务"})
    admin.ask("PUT", "teams/a", {})
    admin.ask("DELETE", "teams/a")
    trail = admin.ask("GET", "audit?kind=team&name=a").json
    assert [(one["who"], one["via"], one["action"]) for one in trail] == [
        ("root", "key", "delete"),
        ("root", "key", "put"),
        ("root", "key", "put"),
    ]
    alone = {"name": "a", "parent": None, "weight": 1.0}
    below = {**alone, "parent": "法务"}
    assert [(one["before"], one["after"]) for one in trail] == [
        (alone, None),
        (below, alone),
        (None, below),
    ]
    assert trail[0]["at"].endswith("Z")


def test_the_trail_comes_in_pages(admin: Admin) -> None:
    for number in range(5):
        admin.ask("PUT", f"teams/{number}", {})
    first = admin.ask("GET", "audit?limit=2&kind=team").json
    second = admin.ask("GET", f"audit?limit=2&kind=team&before={first[-1]['seq']}").json
    assert [one["name"] for one in (*first, *second)] == ["4", "3", "2", "1"]


@pytest.mark.parametrize("query", ["limit=0", "limit=1001", "limit=x", "limit=٣", "before=-1", "kind=spell"])
def test_a_page_that_cannot_be_is_told(query: str, admin: Admin) -> None:
    assert admin.ask("GET", f"audit?{query}").status == 400


def test_no_secret_is_in_the_trail(admin: Admin) -> None:
    made = admin.ask("POST", "keys", {"name": "web"}).json["key"]
    member = admin.ask("POST", "members", {"name": "m", "role": "viewer"}).json["key"]
    trail = admin.ask("GET", "audit").body.decode()
    for key in admin.store.snapshot().keys + admin.store.snapshot().members:
        assert all(secret.sha256 not in trail for secret in key.secrets)
    assert made not in trail
    assert member not in trail
