from __future__ import annotations

import json
import tomllib
from typing import Any

import pytest

from entrepot.settings.client_key import digest, is_well_formed
from entrepot.settings.load import load_settings
from tests.cli.run import Command

SETTINGS = """
[[deployments]]
provider = "ollama"
model = "m"
[[routes]]
name = "auto"
[[keys]]
name = "合同"
secret = "env:CONTRACT_KEY"
team = "法务"
[[keys]]
name = "website"
secret = "env:NOT_THERE"
"""


@pytest.fixture
def settled(entrepot: Command) -> Command:
    (entrepot.directory / "entrepot.toml").write_text(SETTINGS, encoding="utf-8")
    return entrepot


def run(entrepot: Command, *words: str) -> Any:
    result = entrepot("keys", *words, "--json", environ={"CONTRACT_KEY": "ent-c"})
    assert result.exit_code == 0, result.stderr
    return json.loads(result.stdout)


def test_a_key_is_made_and_shown_once(settled: Command) -> None:
    result = settled("keys", "new", "张伟", "--team", "法务", "--tag", "机密", "--tag", "内部")
    assert result.exit_code == 0
    (text,) = [word for word in result.output.split() if word.startswith("ent-")]
    assert is_well_formed(text)
    listed = settled("keys", "list")
    assert text not in listed.output
    assert f"{text[:8]}…" in listed.output
    (kept,) = (key for key in run(settled, "list") if key["name"] == "张伟")
    assert (kept["team"], kept["tags"], kept["state"]) == ("法务", ["机密", "内部"], "active")
    for path in settled.directory.rglob("*"):
        if path.is_file():
            assert text.encode() not in path.read_bytes(), path


def test_a_scope_and_an_end_are_kept(settled: Command) -> None:
    words = ("--route", "auto", "--model", "oll*", "--address", "10.0.0.0/8", "--request-tag", "客户")
    made = run(settled, "new", "night", *words, "--expires", "2099-01-01")
    assert made["scope"] == {"routes": ["auto"], "models": ["oll*"], "addresses": ["10.0.0.0/8"], "tags": ["客户"]}
    assert made["expires_s"] == 4070908800.0
    assert "routes auto; models oll*; tags 客户; addresses" in " ".join(settled("keys", "list").output.split())


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("a", "--route", "atuo"), "there is no route 'atuo'; did you mean 'auto'?"),
        (("a", "--address", "here"), "expected a network"),
        (("a", "--expires", "2020-01-01"), "expired already"),
        (("合同",), "has a key called '合同'"),
        (("website",), "has a key called 'website'"),
    ],
)
def test_what_cannot_be_meant_makes_no_key(words: tuple[str, ...], told: str, settled: Command) -> None:
    result = settled("keys", "new", *words, environ={"CONTRACT_KEY": "ent-c"})
    assert result.exit_code == 1
    assert told in result.stderr
    assert result.stdout == ""


@pytest.mark.parametrize("words", [("",), (" ",), ("a\nb",), ("a", "--team", ""), ("a", "--tag", "b\tc")])
def test_a_name_that_is_no_line_of_text_is_refused(entrepot: Command, words: tuple[str, ...]) -> None:
    result = entrepot("keys", "new", *words)
    assert result.exit_code == 2
    assert result.stdout == ""


def test_a_keys_life(settled: Command) -> None:
    first = run(settled, "new", "web")
    second = run(settled, "rotate", "web", "--overlap", "1h")
    assert first["key"] != second["key"]
    assert [secret["prefix"] for secret in second["secrets"]] == [f"{made['key'][:8]}…" for made in (first, second)]
    assert run(settled, "disable", "web")["state"] == "disabled"
    assert run(settled, "enable", "web")["state"] == "active"
    assert run(settled, "expire", "web")["state"] == "expired"
    assert run(settled, "expire", "web", "--never")["state"] == "active"
    assert run(settled, "expire", "web", "--at", "30d")["expires_s"] > 0
    assert run(settled, "delete", "web") == {"name": "web", "state": "deleted"}
    assert [key["name"] for key in run(settled, "list")] == ["合同", "website"]
    assert settled("keys", "new", "web").exit_code == 1


def test_what_is_told_without_json_is_a_line(settled: Command) -> None:
    settled("keys", "new", "web")
    assert "is valid until" in settled("keys", "rotate", "web").output
    assert settled("keys", "disable", "web").output == "web: disabled\n"
    assert settled("keys", "enable", "web").output == "web: active\n"
    assert settled("keys", "expire", "web", "--at", "2099-01-01").output == "web: active, until 2099-01-01 00:00 UTC\n"
    assert settled("keys", "delete", "web").output == "web: deleted\n"
    assert settled("keys", "delete", "web").exit_code == 1
    assert settled("keys", "expire", "web", "--at", "1d", "--never").exit_code == 2


def test_keys_of_the_file_are_listed_and_left_alone(settled: Command) -> None:
    listed = {key["name"]: key for key in run(settled, "list")}
    assert (listed["合同"]["kept_in"], listed["合同"]["team"], listed["合同"]["state"]) == ("file", "法务", "active")
    assert listed["website"]["state"] == "absent"
    assert settled("keys", "disable", "合同").exit_code == 1


def test_where_there_are_none_it_is_said(entrepot: Command) -> None:
    assert "there are no keys" in entrepot("keys", "list").output


def test_lines_for_a_settings_file_are_printed_and_nothing_is_kept(entrepot: Command) -> None:
    result = entrepot("keys", "new", "张伟", "--team", "法务", "--tag", "机密", "--toml")
    assert result.exit_code == 0
    (text,) = [word for word in result.output.split() if word.startswith("ent-")]
    table = result.output[result.output.index("[[keys]]") :]
    (key,) = tomllib.loads(table)["keys"]
    assert key == {"name": "张伟", "sha256": digest(text), "team": "法务", "tags": ["机密"]}
    assert list(entrepot.directory.iterdir()) == []
    assert entrepot("keys", "new", "a", "--toml", "--route", "auto").exit_code == 2


def test_the_lines_fit_into_a_settings_file(entrepot: Command) -> None:
    table = json.loads(entrepot("keys", "new", "a", "--toml", "--json").output)["toml"]
    path = entrepot.directory / "entrepot.toml"
    path.write_text("[[deployments]]\nprovider = 'ollama'\nmodel = 'm'\n" + table, encoding="utf-8")
    assert [key.name for key in load_settings(path, {}).keys] == ["a"]
