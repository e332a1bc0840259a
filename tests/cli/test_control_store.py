from __future__ import annotations

import json

from entrepot.control.sqlite import open_control_reader
from tests.cli.run import Command
from tests.settings.toml import ONE_DEPLOYMENT


def test_the_store_is_beside_the_ledger_of_the_settings(entrepot: Command) -> None:
    text = "[ledger]\ndirectory = 'data'\n[[deployments]]\nprovider = 'ollama'\nmodel = 'm'\n"
    (entrepot.directory / "entrepot.toml").write_text(text, encoding="utf-8")
    assert entrepot("keys", "new", "a", environ={"USER": "somebody else", "LOGNAME": "somebody else"}).exit_code == 0
    store = open_control_reader(entrepot.directory / "data")
    (change,) = store.changes()
    assert (change.via, change.action, change.name) == ("command line", "create", "a")
    assert change.who not in ("", "somebody else")
    store.close()


def test_without_settings_it_is_in_the_data_directory(entrepot: Command) -> None:
    data = entrepot.directory / "xdg"
    assert entrepot("keys", "new", "a", environ={"XDG_DATA_HOME": str(data)}).exit_code == 0
    listed = entrepot("keys", "list", "--json", environ={"XDG_DATA_HOME": str(data)})
    assert [key["name"] for key in json.loads(listed.output)] == ["a"]
    assert (data / "entrepot" / "control.sqlite").exists()


def test_settings_that_are_wrong_change_nothing(entrepot: Command) -> None:
    (entrepot.directory / "entrepot.toml").write_text(f"{ONE_DEPLOYMENT}nonsense = 1\n", encoding="utf-8")
    assert entrepot("keys", "new", "a").exit_code == 2
    assert [path.name for path in entrepot.directory.iterdir()] == ["entrepot.toml"]
