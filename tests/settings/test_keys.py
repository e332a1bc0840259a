from __future__ import annotations

import datetime
from pathlib import Path

import pytest

from entrepot.policy.scope import EVERYTHING, Scope
from entrepot.policy.teams import Team
from entrepot.settings.client_key import digest
from tests.settings.toml import ONE_DEPLOYMENT, load, refuse

A_KEY = f"[[keys]]\nname = 'a'\nsha256 = '{'0' * 64}'\n"


def test_a_key_by_reference_becomes_a_digest(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("ent-of-the-file\n", encoding="utf-8")
    document = (
        "[[keys]]\nname = 'a'\nsecret = 'env:KEY_A'\ntags = ['内部']\n[[keys]]\nname = 'b'\nsecret = 'file:key'\n"
    )
    loaded = load(tmp_path, ONE_DEPLOYMENT + document, {"KEY_A": "ent-of-the-environment"})
    assert [key.sha256 for key in loaded.keys] == [digest("ent-of-the-environment"), digest("ent-of-the-file")]
    assert loaded.keys[0].tags == ("内部",)


def test_a_client_key_that_is_not_there_lets_nobody_in_and_is_reported(tmp_path: Path) -> None:
    document = "[[keys]]\nname = 'a'\nsecret = 'env:KEY_A'\n[[keys]]\nname = 'b'\nsecret = 'file:nowhere'\n"
    loaded = load(tmp_path, ONE_DEPLOYMENT + document, {"KEY_A": "  "})
    assert loaded.keys == ()
    assert loaded.absent_keys == ("a", "b")
    assert "client key 'a' lets nobody in: secret env:KEY_A has no value" in "\n".join(loaded.warnings)


def test_a_key_has_a_reference_or_a_digest_and_one_name(tmp_path: Path) -> None:
    assert "either 'secret' or 'sha256'" in refuse(tmp_path, ONE_DEPLOYMENT + "[[keys]]\nname = 'a'\n")
    both = f"[[keys]]\nname = 'a'\nsha256 = '{'0' * 64}'\nsecret = 'env:A'\n"
    assert "either 'secret' or 'sha256'" in refuse(tmp_path, ONE_DEPLOYMENT + both)
    twin = f"[[keys]]\nname = 'a'\nsha256 = '{'0' * 64}'\n[[keys]]\nname = 'b'\nsha256 = '{'0' * 64}'\n"
    assert "keys[1]: the same key as 'a'; one key has one name" in refuse(tmp_path, ONE_DEPLOYMENT + twin)
    namesakes = f"[[keys]]\nname = 'a'\nsha256 = '{'0' * 64}'\n[[keys]]\nname = 'a'\nsha256 = '{'1' * 64}'\n"
    assert "keys[1].name: 'a' is already the name of keys[0]" in refuse(tmp_path, ONE_DEPLOYMENT + namesakes)


def test_a_scope_and_an_end_are_kept(tmp_path: Path) -> None:
    scope = "{ routes = ['auto'], models = ['openai/*'], tags = ['客户*'], addresses = ['10.0.0.0/8', '::1'] }"
    (key,) = load(tmp_path, f"{ONE_DEPLOYMENT}{A_KEY}scope = {scope}\nexpires = 2027-01-31\n").keys
    assert key.scope == Scope(("auto",), ("openai/*",), ("客户*",), ("10.0.0.0/8", "::1"))
    assert key.expires_s == datetime.datetime(2027, 1, 31, tzinfo=datetime.UTC).timestamp()
    (plain,) = load(tmp_path, ONE_DEPLOYMENT + A_KEY).keys
    assert (plain.scope, plain.expires_s) == (EVERYTHING, None)


@pytest.mark.parametrize(
    ("scope", "told"),
    [
        ("routes = ['atuo']", "keys[0].scope.routes[0]: there is no route 'atuo'; did you mean 'auto'?"),
        ("models = ['openai/*', 'qwen*']", "keys[0].scope.models[1]: there is no model or deployment 'qwen*'"),
        ("addresses = ['10.0.0.1/8']", "keys[0].scope.addresses[0]: has bits of an address beyond its prefix"),
        ("adresses = []", "keys[0].scope.adresses: there is no such setting; did you mean 'addresses'?"),
    ],
)
def test_a_scope_that_cannot_be_meant_is_told(scope: str, told: str, tmp_path: Path) -> None:
    assert told in refuse(tmp_path, f"{ONE_DEPLOYMENT}{A_KEY}scope = {{ {scope} }}\n")


def test_teams_are_a_tree(tmp_path: Path) -> None:
    tree = "[[teams]]\nname = '合同'\nparent = '法务'\n[[teams]]\nname = '法务'\n"
    assert load(tmp_path, ONE_DEPLOYMENT + tree).teams == (Team("合同", "法务"), Team("法务"))


@pytest.mark.parametrize(
    ("teams", "told"),
    [
        ("[[teams]]\nname = 'a'\nparent = 'b'\n", "teams[0].parent: there is no team 'b'"),
        ("[[teams]]\nname = 'a'\n[[teams]]\nname = 'a'\n", "teams[1].name: 'a' is already the name of teams[0]"),
        ("[[teams]]\nname = ''\n", "teams[0].name: must not be empty"),
        ("[[teams]]\nname = 'a'\nparent = 'a'\n", "teams[0].parent: 'a' would stand above itself"),
        (
            "[[teams]]\nname = 'a'\nparent = 'b'\n[[teams]]\nname = 'b'\nparent = 'a'\n",
            "teams[1].parent: 'b' would stand above itself",
        ),
    ],
)
def test_what_is_no_tree_is_told(teams: str, told: str, tmp_path: Path) -> None:
    assert told in refuse(tmp_path, ONE_DEPLOYMENT + teams)


def test_a_rule_may_name_a_team_that_no_key_is_of(tmp_path: Path) -> None:
    rule = "[[policy]]\nname = 'r'\nwhen = { teams = ['法务'] }\ndeny = { on_premises = false }\n"
    assert load(tmp_path, f"{ONE_DEPLOYMENT}[[teams]]\nname = '法务'\n{rule}").rules[0].when.teams == ("法务",)
    assert "no key is of team '法务'" in refuse(tmp_path, ONE_DEPLOYMENT + rule)


def test_a_proxy_is_a_network(tmp_path: Path) -> None:
    document = "[gateway]\ntrusted_proxies = ['10.0.0.0/8', 'proxy']\n" + ONE_DEPLOYMENT
    assert "gateway.trusted_proxies[1]: expected a network" in refuse(tmp_path, document)


def test_a_team_of_no_weight_is_refused(tmp_path: Path) -> None:
    teams = "[[teams]]\nname = 'a'\nweight = {}\n"
    assert "teams[0].weight: is from 0.001 to 1000" in refuse(tmp_path, ONE_DEPLOYMENT + teams.format(0))
    assert load(tmp_path, ONE_DEPLOYMENT + teams.format(3)).teams[0].weight == 3.0
