from __future__ import annotations

import re

import pytest

from entrepot.settings.client_key import digest
from entrepot.settings.json_schema import read_shipped_schema
from entrepot.settings.load import load_settings
from entrepot.settings.sample import USES
from tests.cli.run import Command


@pytest.mark.parametrize("use", USES)
def test_writes_settings_that_load_and_shows_their_keys_once(entrepot: Command, use: str) -> None:
    result = entrepot("init", "--for", use)
    assert result.exit_code == 0
    document = (entrepot.directory / "entrepot.toml").read_text(encoding="utf-8")
    shown = re.findall(r"\bent-\w{49}", result.output)
    loaded = load_settings(entrepot.directory / "entrepot.toml", {})
    assert {key.sha256 for key in loaded.keys} == {digest(text) for text in shown}
    assert not any(text in document for text in shown)


def test_writes_the_schema_beside_it_for_editors(entrepot: Command) -> None:
    entrepot("init")
    assert (entrepot.directory / "entrepot.schema.json").read_text(encoding="utf-8") == read_shipped_schema()
    assert (
        (entrepot.directory / "entrepot.toml").read_text(encoding="utf-8").startswith("#:schema entrepot.schema.json\n")
    )


def test_refuses_to_replace_a_file_unless_forced(entrepot: Command) -> None:
    path = entrepot.directory / "entrepot.toml"
    path.write_text("mine", encoding="utf-8")
    refused = entrepot("init")
    assert refused.exit_code == 2
    assert "entrepot.toml is there already; name another with --path, or replace it with --force" in refused.stderr
    assert path.read_text(encoding="utf-8") == "mine"
    assert entrepot("init", "--force").exit_code == 0
    assert path.read_text(encoding="utf-8") != "mine"


def test_writes_where_it_is_told_and_says_how_to_go_on(entrepot: Command) -> None:
    (entrepot.directory / "配置").mkdir()
    result = entrepot("init", "--path", "配置")
    assert (entrepot.directory / "配置" / "entrepot.toml").is_file()
    assert "entrepot check --config '配置/entrepot.toml'" in result.output


def test_a_place_that_cannot_be_written_is_told_without_a_traceback(entrepot: Command) -> None:
    result = entrepot("init", "--path", "no/such/folder/entrepot.toml")
    assert result.exit_code == 2
    assert "cannot be written: No such file or directory" in result.stderr


def test_every_key_of_two_files_is_different(entrepot: Command) -> None:
    first = entrepot("init", "--path", "a.toml").output
    second = entrepot("init", "--path", "b.toml").output
    assert not set(re.findall(r"\bent-\w{49}", first)) & set(re.findall(r"ent-\w+", second))


def test_the_schemas_own_name_is_refused_for_the_settings(entrepot: Command) -> None:
    result = entrepot("init", "--path", "entrepot.schema.json")
    assert result.exit_code == 2
    assert list(entrepot.directory.iterdir()) == []
