from __future__ import annotations

from pathlib import Path

import pytest

from entrepot.errors import SettingsError
from entrepot.settings.ledger import ledger_place
from entrepot.settings.load import load_settings

DEPLOYMENT = '[[deployments]]\nprovider = "deepseek"\nmodel = "deepseek-v4.1-flash"\n'


def settings_with(tmp_path: Path, ledger: str) -> Path:
    path = tmp_path / "entrepot.toml"
    path.write_text(f"{DEPLOYMENT}[ledger]\n{ledger}\n", encoding="utf-8")
    return path


def test_a_ledger_is_a_file_unless_a_database_is_named(tmp_path: Path) -> None:
    place = ledger_place(load_settings(settings_with(tmp_path, 'directory = "here"'), {}), {})
    assert str(place) == str(tmp_path / "here" / "ledger.db")
    assert not place.exists()


def test_a_database_is_named_by_its_address_or_by_reference(tmp_path: Path) -> None:
    (tmp_path / "address").write_text("postgresql://me:secret@db/entrepot\n", encoding="utf-8")
    for given in ("postgresql://me@db/entrepot", "env:LEDGER", "file:address"):
        settings = load_settings(settings_with(tmp_path, f'database = "{given}"'), {})
        place = ledger_place(settings, {"LEDGER": "postgresql://me:secret@db/entrepot"})
        assert str(place) == "the PostgreSQL database 'entrepot' on db"
        assert place.exists()


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ('database = "postgresql://me:secret@db/entrepot"', "holds a password"),
        ('database = "mysql://db"', "begins with postgresql://"),
        ("keep_days = 0", "keep_days"),
    ],
)
def test_what_is_wrong_is_told_without_the_secret(tmp_path: Path, given: str, told: str) -> None:
    with pytest.raises(SettingsError, match=told) as raised:
        load_settings(settings_with(tmp_path, given), {})
    assert "secret" not in str(raised.value)


def test_a_reference_to_nothing_is_told(tmp_path: Path) -> None:
    settings = load_settings(settings_with(tmp_path, 'database = "env:LEDGER"'), {})
    with pytest.raises(SettingsError, match="env:LEDGER"):
        ledger_place(settings, {})
