from __future__ import annotations

import json
import tomllib

import pytest

from entrepot.settings.client_key import digest, is_well_formed
from entrepot.settings.load import load_settings
from tests.cli.run import Command


def test_a_key_is_shown_once_with_the_lines_that_admit_it(entrepot: Command) -> None:
    result = entrepot("keys", "new", "张伟", "--team", "法务", "--tag", "机密", "--tag", "内部")
    assert result.exit_code == 0
    (text,) = [word for word in result.output.split() if word.startswith("ent-")]
    assert is_well_formed(text)
    table = result.output[result.output.index("[[keys]]") :]
    (key,) = tomllib.loads(table)["keys"]
    assert key == {"name": "张伟", "sha256": digest(text), "team": "法务", "tags": ["机密", "内部"]}


def test_the_lines_fit_into_a_settings_file(entrepot: Command) -> None:
    table = json.loads(entrepot("keys", "new", "a", "--json").output)["toml"]
    path = entrepot.directory / "entrepot.toml"
    path.write_text("[[deployments]]\nprovider = 'ollama'\nmodel = 'm'\n" + table, encoding="utf-8")
    assert [key.name for key in load_settings(path, {}).keys] == ["a"]


def test_nothing_is_written(entrepot: Command) -> None:
    entrepot("keys", "new", "a")
    assert list(entrepot.directory.iterdir()) == []


@pytest.mark.parametrize("words", [("",), (" ",), ("a\nb",), ("a", "--team", ""), ("a", "--tag", "b\tc")])
def test_a_name_that_no_settings_file_takes_is_refused(entrepot: Command, words: tuple[str, ...]) -> None:
    result = entrepot("keys", "new", *words)
    assert result.exit_code == 2
    assert result.stdout == ""
