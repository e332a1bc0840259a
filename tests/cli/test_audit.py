from __future__ import annotations

import json

from tests.cli.run import Command


def test_changes_are_listed_the_newest_first(entrepot: Command) -> None:
    entrepot("keys", "new", "网站", "--team", "商店")
    entrepot("keys", "disable", "网站")
    entrepot("members", "new", "root", "--role", "admin")
    shown = entrepot("audit").output
    member, disabled, made = (line for line in shown.splitlines() if "command line" in line)
    assert "member root" in member
    assert "disable " in disabled
    assert disabled.rstrip().endswith("disabled")
    assert "create" in made
    assert "key 网站" in made


def test_json_has_what_was_before_and_after(entrepot: Command) -> None:
    entrepot("keys", "new", "a")
    entrepot("keys", "new", "b")
    entrepot("keys", "disable", "a")
    (change,) = json.loads(entrepot("audit", "--json", "--kind", "key", "--name", "a", "--limit", "1").output)
    assert (change["before"]["disabled"], change["after"]["disabled"]) == (False, True)
    assert "sha256" not in json.dumps(change)
