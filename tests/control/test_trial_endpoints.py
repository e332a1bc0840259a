"""Trials over the admin API: started, seen and stopped, as by the command."""

from __future__ import annotations

from pathlib import Path

import pytest

from entrepot.control.api import AdminApi
from entrepot.control.asking import Installation
from entrepot.control.store import ControlStore
from tests.control.admin import FILE, Admin
from tests.settings.small_catalog import SMALL
from tests.settings.toml import load

ROUTE = """
[[deployments]]
provider = "openai"
model = "gpt-small"
[[routes]]
name = "auto"
candidates = ["openai/gpt-large"]
max_output_tokens = 100
[[routes.outcomes.checks]]
name = "right"
regex = "4711"
"""
NEW = "openai/gpt-small"


@pytest.fixture
def admin(tmp_path: Path, store: ControlStore) -> Admin:
    made = Admin(tmp_path, store)
    made.settings = load(tmp_path, FILE + ROUTE)
    made.api = AdminApi(Installation(made.settings, store, SMALL), made.sessions)
    return made


def test_a_trial_is_started_seen_and_stopped_and_the_trail_knows(admin: Admin) -> None:
    assert admin.ask("GET", "trials").json == []
    begun = admin.ask("POST", "trials", {"model": NEW, "name": "small", "mean_usd": 0.001, "shadow_share": 25})
    assert begun.status == 200, begun.body
    assert (begun.json["stage"], begun.json["standing"], begun.json["notes"]) == ("shadow", "running", [])
    assert begun.json["terms"]["shadow_share"] == 0.25
    assert begun.json["shadow_usd"] > 0
    plan = {name: value for name, value in begun.json.items() if name != "notes"}
    assert admin.ask("GET", "trials").json == [plan]
    seen = admin.ask("GET", "trials/small").json
    assert seen.pop("seen") == {"asked": 0, "answered": 0, "pairs": 0, "gates": {}}
    assert seen == plan
    second = admin.ask("POST", "trials", {"model": NEW, "name": "again", "no_cost": True})
    assert (second.status, "one trial at a time" in second.json["error"]["message"]) == (409, True)
    assert admin.ask("DELETE", "trials/small").json == {"name": "small", "stopped": True}
    assert admin.ask("GET", "trials").json == []
    assert admin.store.snapshot().trials == ()
    trail = admin.ask("GET", "audit?kind=trial").json
    assert [(one["who"], one["action"]) for one in trail] == [("root", "stop"), ("root", "start")]


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"model": "gpt-smal", "no_cost": True}, "did you mean"),
        ({"model": NEW}, "say it with 'mean_usd', or 'no_cost'"),
        ({"model": NEW, "no_cost": True, "route": "nowhere"}, "there is no route 'nowhere'"),
        ({"model": NEW, "no_cost": True, "stages": [20, 5]}, "cannot be planned"),
        ({"model": NEW, "no_cost": True, "shadow_usd": 1e-12}, "'shadow_usd' has more than nine decimals"),
        ({"model": NEW, "margin": 0}, "margin"),
        ({"model": NEW, "shadow": True}, "shadow"),
        ({}, "model"),
    ],
)
def test_what_cannot_be_tried_is_refused_in_the_words_of_the_body(
    admin: Admin, body: dict[str, object], said: str
) -> None:
    answered = admin.ask("POST", "trials", body)
    assert answered.status == 400
    assert said in answered.json["error"]["message"]
    assert admin.store.snapshot().trials == ()


def test_who_may_not_does_not(admin: Admin) -> None:
    for method in ("GET", "DELETE"):
        assert admin.ask(method, "trials/none").status == 404
    body = {"model": NEW, "no_cost": True}
    assert admin.ask("POST", "trials", body, key=admin.member("viewer", "viewer")).status == 403
    confined = admin.member("confined", "operator", "法务", confined=True)
    assert admin.ask("GET", "trials", key=confined).status == 403
    assert admin.ask("POST", "trials", body, key=admin.member("operator", "operator")).status == 200
    assert admin.ask("GET", "trials", key=admin.member("another", "viewer")).json[0]["name"] == NEW
    assert admin.ask("DELETE", "trials/openai%2Fgpt-small").json["stopped"]
