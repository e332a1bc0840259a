from __future__ import annotations

import json

from tests.cli.run import Command

DOCUMENT = f"""\
[[deployments]]
provider = "openai"
model = "gpt-6-luna"

[[deployments]]
id = "本地"
provider = "ollama"
model = "qwen3:8b"

[[keys]]
name = "法务"
sha256 = "{"0" * 64}"
tags = ["机密"]

[[policy]]
name = "机密不出门"
when = {{ tags = ["机密"] }}
require = {{ on_premises = true }}
"""
CASES = """\
[[case]]
name = "机密"
key = "法务"
allowed = ["本地"]
denied = ["openai/gpt-6-luna"]

[[case]]
name = "公开"
allowed = ["openai/gpt-6-luna"]
"""


def write(entrepot: Command, cases: str = CASES) -> None:
    """Settings with one rule, and cases for it."""
    (entrepot.directory / "entrepot.toml").write_text(DOCUMENT, encoding="utf-8")
    (entrepot.directory / "cases.toml").write_text(cases, encoding="utf-8")


def test_cases_that_hold_exit_with_0(entrepot: Command) -> None:
    write(entrepot)
    result = entrepot("policy", "test", "cases.toml")
    assert result.exit_code == 0
    assert result.output == "ok  机密\nok  公开\n2 of 2 cases hold\n"


def test_a_case_that_does_not_hold_exits_with_3_and_says_why(entrepot: Command) -> None:
    write(
        entrepot, CASES.replace('allowed = ["本地"]', 'allowed = ["openai/gpt-6-luna"]').replace("denied", "# denied")
    )
    result = entrepot("policy", "test", "cases.toml")
    assert result.exit_code == 3
    assert "FAILED  机密\n        openai/gpt-6-luna is denied: rule '机密不出门' requires on_premises" in result.output
    shown = json.loads(entrepot("policy", "test", "cases.toml", "--json").output)
    assert (shown["well"], [bool(case["wrong"]) for case in shown["cases"]]) == (False, [True, False])


def test_wrong_cases_exit_with_2(entrepot: Command) -> None:
    write(entrepot, CASES.replace("denied", "forbidden"))
    result = entrepot("policy", "test", "cases.toml")
    assert result.exit_code == 2
    assert "case[0].forbidden: there is no such setting" in result.stderr


def test_show_says_who_may_use_what_and_why_not(entrepot: Command) -> None:
    write(entrepot)
    shown = json.loads(entrepot("policy", "show", "--json").output)
    assert list(shown) == ["key 法务", "tag 机密", "no tags"]
    assert shown["key 法务"]["allowed"] == ["本地"]
    assert "机密不出门" in shown["key 法务"]["denied"]["openai/gpt-6-luna"][0]
    assert shown["no tags"]["denied"] == {}


def test_show_tells_a_reason_once_and_cuts_no_name(entrepot: Command) -> None:
    write(entrepot)
    shown = entrepot("policy", "show", environ={"COLUMNS": "60"}).output
    assert shown.count("机密不出门") == 1
    assert "key 法务, tag 机密\n" in shown
    assert "not openai/gpt-6-luna" in shown
    assert "…" not in shown


def test_without_settings_it_says_how_to_get_some(entrepot: Command) -> None:
    result = entrepot("policy", "show")
    assert result.exit_code == 2
    assert "entrepot init" in result.stderr
