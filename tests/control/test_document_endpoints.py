from __future__ import annotations

import pytest

from entrepot.control.objects import without_secrets
from entrepot.policy.teams import Team
from tests.control.admin import Admin

EVERYWHERE = {"deny": {"maker_country": ["US"]}}


def test_a_rule_is_put_shown_and_deleted(admin: Admin) -> None:
    rule = {"when": {"teams": ["法务"]}, "require": {"region": ["CN", "LOCAL"]}}
    path = "rules/%E4%B8%8D%E5%87%BA%E5%A2%83"
    assert admin.ask("PUT", path, rule).json == {"name": "不出境", **rule}
    assert admin.ask("GET", path).json == {"name": "不出境", **rule}
    listed = admin.ask("GET", "rules").json
    assert [(one["name"], one["kept_in"]) for one in listed] == [("of the file", "file"), ("不出境", "store")]
    admin.ask("PUT", path, {**EVERYWHERE, "name": "不出境"})
    assert admin.store.snapshot().rules[0].require is None
    assert admin.ask("DELETE", path).status == 200
    assert admin.ask("DELETE", path).status == 404
    assert admin.store.snapshot().rules == ()


@pytest.mark.parametrize(
    ("rule", "told"),
    [
        ({}, "does nothing"),
        ({"deny": {"maker_country": ["XX"]}}, "'XX' is not a country"),
        ({"deny": {"makr": ["x"]}}, "did you mean 'maker'"),
        ({"when": {"teams": ["nobody"]}, **EVERYWHERE}, "no key is of team 'nobody'"),
        ({"when": {"keys": ["nobody"]}, **EVERYWHERE}, "no 'nobody'"),
        ({"name": "other", **EVERYWHERE}, "another than in the path"),
        ({"deny": "everything"}, "expected a table"),
    ],
)
def test_a_rule_passes_the_checks_of_the_file(rule: object, told: str, admin: Admin) -> None:
    answered = admin.ask("PUT", "rules/r", rule)
    assert answered.status == 400
    assert told in answered.json["error"]["message"]
    assert admin.store.snapshot().rules == ()


def test_a_rule_may_name_keys_and_teams_of_the_store(admin: Admin) -> None:
    admin.client_key("web", team="商店")
    for when in ({"keys": ["web"]}, {"teams": ["商店"]}, {"keys": ["from the file"]}):
        assert admin.ask("PUT", "rules/r", {"when": when, **EVERYWHERE}).status == 200


def test_what_the_file_has_is_changed_in_the_file(admin: Admin) -> None:
    assert admin.ask("PUT", "rules/of%20the%20file", EVERYWHERE).status == 409
    assert admin.ask("PUT", "teams/%E6%B3%95%E5%8A%A1", {}).status == 409
    assert admin.ask("DELETE", "rules/of%20the%20file").status == 404
    assert admin.ask("PUT", "budgets/of%20the%20file", {"amount_usd": "5"}).status == 409


def test_teams_grow_into_a_tree_and_not_into_a_circle(admin: Admin) -> None:
    assert admin.ask("PUT", "teams/a", {"parent": "法务"}).json == {"name": "a", "parent": "法务", "weight": 1.0}
    assert admin.ask("PUT", "teams/b", {"parent": "a"}).status == 200
    assert admin.ask("PUT", "teams/a", {"parent": "b"}).status == 400
    assert admin.ask("PUT", "teams/a", {"parent": "a"}).status == 400
    assert admin.ask("PUT", "teams/c", {"parent": "nowhere"}).status == 400
    assert admin.ask("PUT", "teams/c", {"weight": 0}).status == 400
    assert admin.ask("PUT", "teams/b", {"parent": "a", "weight": 2.5}).json["weight"] == 2.5
    assert admin.store.snapshot().teams == (Team("a", "法务"), Team("b", "a", 2.5))
    listed = {team["name"]: (team["parent"], team["kept_in"]) for team in admin.ask("GET", "teams").json}
    assert listed == {
        "a": ("法务", "store"),
        "b": ("a", "store"),
        "法务": ("集团", "file"),
        "集团": (None, "file"),
    }
    olga = admin.member("olga", "viewer", "a", confined=True)
    assert [team["name"] for team in admin.ask("GET", "teams", key=olga).json] == ["a", "b"]


def test_a_team_is_not_deleted_from_above_those_who_are_in_it(admin: Admin) -> None:
    admin.ask("PUT", "teams/a", {})
    admin.ask("PUT", "teams/b", {"parent": "a"})
    admin.client_key("web", team="b")
    assert admin.ask("DELETE", "teams/a").status == 409
    assert admin.ask("DELETE", "teams/b").status == 409
    admin.ask("PATCH", "keys/web", {"team": None})
    assert admin.ask("DELETE", "teams/b").status == 200
    assert admin.ask("DELETE", "teams/a").status == 200
    assert admin.ask("DELETE", "teams/a").status == 404


def test_a_budget_is_put_shown_and_deleted(admin: Admin) -> None:
    budget = {"amount_usd": "500", "period": "month"}
    assert admin.ask("PUT", "budgets/b", budget).json == {"name": "b", **budget}
    assert admin.ask("GET", "budgets/b").json == {"name": "b", **budget}
    assert [one["name"] for one in admin.ask("GET", "budgets").json] == ["b"]
    assert admin.ask("PUT", "budgets/b", {"name": "c"}).status == 400
    assert admin.ask("PUT", "budgets/b", {"amount_usd": "500", "usd": 1}).status == 400
    assert admin.ask("DELETE", "budgets/b").status == 200
    assert admin.ask("GET", "budgets/b").status == 404


@pytest.mark.parametrize("whose", [{"team": "nobody"}, {"key": "nobody"}, {"route": "nowhere"}])
def test_a_budget_of_somebody_whom_nobody_knows_is_refused(whose: dict[str, str], admin: Admin) -> None:
    answered = admin.ask("PUT", "budgets/b", {"amount_usd": "5", **whose})
    assert answered.status == 400
    assert f"'{next(iter(whose.values()))}'" in answered.json["error"]["message"]
    assert admin.store.snapshot().budgets == ()


def test_a_budget_may_be_of_whom_the_file_or_the_store_knows(admin: Admin) -> None:
    admin.client_key("web", team="商店")
    for whose in ({"key": "web"}, {"key": "from the file"}, {"team": "商店"}, {"team": "法务"}, {"team": "*"}):
        assert admin.ask("PUT", "budgets/b", {"amount_usd": "5", **whose}).status == 200


def test_a_team_with_keys_of_the_settings_file_is_not_deleted(admin: Admin) -> None:
    path = "teams/%E5%8D%95%E7%8B%AC"
    assert admin.ask("PUT", path, {"parent": "法务"}).status == 200
    refused = admin.ask("DELETE", path)
    assert refused.status == 409
    assert "单独的" in refused.json["error"]["message"]


@pytest.mark.sockets  # the resolver is asked what it makes of them
@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:8081/admin/v1/keys",
        "http://localhost/x",
        "http://169.254.169.254/latest/meta-data",
        "http://[::1]/",
        "http://[::ffff:10.0.0.1]/",
        "http://10.0.0.1/",
        "http://2130706433/",
        "file:///etc/passwd",
        "gopher://example.com",
    ],
)
def test_an_address_inside_is_named_by_an_admin_alone(url: str, admin: Admin) -> None:
    budget = {"amount_usd": "500", "warn_at": [0.8], "webhook": url}
    olga = admin.member("olga", "operator")
    refused = admin.ask("PUT", "budgets/b", budget, key=olga)
    assert (refused.status, refused.code) == (403, "internal_address")
    assert admin.store.snapshot().budgets == ()
    assert admin.ask("PUT", "budgets/b", budget).status == (200 if url.startswith("http") else 400)


def test_a_webhooks_path_which_may_be_a_secret_is_shown_to_those_alone_who_may_change_it(admin: Admin) -> None:
    viewer, operator = admin.member("looker", "viewer"), admin.member("doer", "operator")
    document = {"amount_usd": "5", "webhook": "https://93.184.215.14/services/T0/secret?token=hidden"}
    assert admin.ask("PUT", "budgets/b", document).status == 200
    admin.ask("PUT", "budgets/b", {**document, "amount_usd": "6"})
    for path in ("budgets", "budgets/b", "audit?kind=budget"):
        shown = admin.ask("GET", path, key=viewer)
        assert shown.status == 200
        assert b"https://93.184.215.14/" in shown.body
        assert b"secret" not in shown.body
        assert b"hidden" not in shown.body
        assert b"/services/T0/secret?token=hidden" in admin.ask("GET", path, key=operator).body


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("https://user:secret@hooks.example:8443/x", "https://hooks.example:8443/…"),
        ("https://hooks.example?secret", "https://hooks.example/…"),
        ("env:HOOK", "env:HOOK"),
        (None, None),
    ],
)
def test_of_a_webhook_its_host_is_left(written: str | None, shown: str | None) -> None:
    assert without_secrets({"document": {"webhook": written}}) == {"document": {"webhook": shown}}
