from __future__ import annotations

from pathlib import Path

import pytest

from entrepot.errors import SettingsError
from entrepot.settings.load import load_settings

BASE = """
[[deployments]]
provider = "deepseek"
model = "deepseek-v4.1-flash"
[[keys]]
name = "a"
secret = "env:KEY_A"
team = "red"
"""
ENVIRON = {"KEY_A": "ent-a", "DEEPSEEK_API_KEY": "sk"}


def load(directory: Path, text: str) -> object:
    path = directory / "entrepot.toml"
    path.write_text(BASE + text, encoding="utf-8")
    return load_settings(path, ENVIRON)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[[budgets]]\nname = "b"\namount_usd = 0', "amount_usd: must be more than 0"),
        ('[[budgets]]\nname = "b"\namount_usd = 1\nkey = "b"', "key: [[keys]] has no 'b'"),
        ('[[budgets]]\nname = "b"\namount_usd = 1\nteam = "rad"', "did you mean 'red'"),
        ('[[budgets]]\nname = "b"\namount_usd = 1\nroute = "x"', "there is no route"),
        ('[[budgets]]\nname = "b"\namount_usd = 1\ntimezone = "Mars/Olympus"', "no time zone known here"),
        ('[[budgets]]\nname = "b"\namount_usd = 1\nwebhook = "hooks.example"', "env:NAME or file:PATH"),
        ('[[budgets]]\nname = "b"\namount_usd = 1\n[[budgets]]\nname = "b"\namount_usd = 1', "already the name"),
        ('[[limits]]\nname = "l"\nkey = "a"', "nothing is limited"),
        ('[[limits]]\nname = "l"\nconcurrent = 1', "exactly one of"),
        ('[[limits]]\nname = "l"\nconcurrent = 1\nmodel = "m"', "no deployment is of model"),
        ('[[limits]]\nname = "l"\nconcurrent = 0\nkey = "a"', "concurrent"),
        ('[counters]\nredis = "localhost:6379"', "begins with redis://"),
        ('[counters]\nredis = "redis://:hunter2@host/0"', "keep the whole address in the environment"),
    ],
)
def test_what_cannot_be_meant_is_told(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(SettingsError) as error:
        load(tmp_path, text)
    assert said in error.value.message
    assert "hunter2" not in error.value.message


def test_a_deployments_limits_are_known_by_its_id(tmp_path: Path) -> None:
    path = tmp_path / "entrepot.toml"
    table = '[[deployments]]\nprovider = "deepseek"\nmodel = "deepseek-v4.1-flash"\n'
    path.write_text(table + 'id = "甲"\nlimits = { concurrent = 3 }\n' + table, encoding="utf-8")
    settings = load_settings(path, ENVIRON)
    assert {name: limits.concurrent for name, limits in settings.deployment_limits.items()} == {"甲": 3}


def test_a_webhook_from_a_file_is_found_beside_the_settings(tmp_path: Path) -> None:
    path = tmp_path / "entrepot.toml"
    path.write_text(BASE + '[[budgets]]\nname = "预算"\namount_usd = 1\nwebhook = "file:hook"\nkey = "*"')
    (budget,) = load_settings(path, ENVIRON).budgets
    assert budget.webhook == f"file:{tmp_path / 'hook'}"
