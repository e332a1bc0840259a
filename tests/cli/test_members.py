from __future__ import annotations

import json
from typing import Any

from entrepot.settings.client_key import is_well_formed
from tests.cli.run import Command


def run(entrepot: Command, *words: str) -> Any:
    result = entrepot("members", *words, "--json")
    assert result.exit_code == 0, result.stderr
    return json.loads(result.stdout)


def test_a_members_life(entrepot: Command) -> None:
    assert "entrepot members new NAME --role admin" in entrepot("members", "list").output
    assert is_well_formed(run(entrepot, "new", "爱丽", "--role", "admin")["key"])
    bob = run(entrepot, "new", "bob", "--role", "operator", "--team", "法务", "--confined")
    assert (bob["role"], bob["teams"], bob["confined"]) == ("operator", ["法务"], True)
    rotated = run(entrepot, "rotate", "bob", "--overlap", "1h")
    assert [secret["prefix"] for secret in rotated["secrets"]] == [f"{one['key'][:8]}…" for one in (bob, rotated)]
    assert run(entrepot, "disable", "bob")["disabled"] is True
    assert [one["name"] for one in run(entrepot, "list")] == ["bob", "爱丽"]
    shown = entrepot("members", "list").output
    assert rotated["key"] not in shown
    assert rotated["prefix"] in shown
    assert run(entrepot, "enable", "bob")["disabled"] is False
    assert run(entrepot, "delete", "bob") == {"name": "bob", "deleted": True}


def test_the_last_admin_cannot_be_deleted(entrepot: Command) -> None:
    entrepot("members", "new", "root", "--role", "admin")
    result = entrepot("members", "delete", "root")
    assert result.exit_code == 1
    assert "last admin" in result.stderr


def test_what_is_told_without_json_is_a_line(entrepot: Command) -> None:
    made = entrepot("members", "new", "root", "--role", "admin").output
    assert "The key of root (admin), shown this once" in made
    assert "is valid until" in entrepot("members", "rotate", "root", "--overlap", "1h").output
    entrepot("members", "new", "v", "--role", "viewer")
    assert entrepot("members", "disable", "v").output == "v: disabled\n"
    assert entrepot("members", "new", "x", "--role", "owner").exit_code == 2
    assert entrepot("members", "new", "x", "--role", "admin", "--confined").exit_code == 1
