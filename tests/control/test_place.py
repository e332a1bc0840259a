from __future__ import annotations

import logging
import sys
from pathlib import Path

import pytest

from entrepot.control.place import MOVED, ControlPlace, control_place
from entrepot.control.sqlite import control_path
from entrepot.errors import ControlError, ExtraMissing, SettingsError
from tests.control.books import a_key, a_store
from tests.postgres_server import PostgresServer
from tests.settings.toml import ONE_DEPLOYMENT, load


def test_a_file_is_there_once_it_is_made(tmp_path: Path) -> None:
    place = ControlPlace(tmp_path / "data")
    assert not place.exists()
    with pytest.raises(ControlError, match="there is no control store"):
        place.open_reader()
    place.prepare()
    assert place.exists()
    place.open_reader().close()


def test_a_file_that_cannot_be_used_is_not_done_without(tmp_path: Path) -> None:
    control_path(tmp_path).write_bytes(b"this is no database, whatever it is called" * 100)
    with pytest.raises(ControlError, match="cannot be used"):
        ControlPlace(tmp_path).prepare()


def test_a_database_takes_over_what_the_file_in_its_place_held(
    postgres: PostgresServer, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with a_store(tmp_path) as file:
        key, _ = a_key(file)
        trail = file.changes()
    place = ControlPlace(tmp_path, postgres.make_database())
    with caplog.at_level(logging.WARNING, "entrepot.control"):
        place.prepare()
        place.prepare()
    assert [record.getMessage().partition(" of /")[0] for record in caplog.records] == [
        "keys, teams, members, rules and budgets"
    ]
    with place.open_reader() as store:
        assert store.snapshot().keys == (key,)
        assert store.changes() == trail
    assert not control_path(tmp_path).exists()
    assert Path(f"{control_path(tmp_path)}{MOVED}").exists()


def test_the_file_of_a_second_machine_is_told_of_and_not_used(
    postgres: PostgresServer, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    url = postgres.make_database()
    with ControlPlace(tmp_path / "first", url).open_store() as store:
        a_key(store, "of the fleet")
    with a_store(tmp_path / "second") as file:
        a_key(file, "of the second")
    place = ControlPlace(tmp_path / "second", url)
    with caplog.at_level(logging.WARNING, "entrepot.control"):
        place.prepare()
    assert "is not in force" in caplog.text
    with place.open_reader() as store:
        assert [key.name for key in store.snapshot().keys] == ["of the fleet"]
    assert control_path(tmp_path / "second").exists()


def test_a_database_that_is_away_is_done_without_where_something_is_known_of_it(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with PostgresServer() as server:
        url = server.make_database()
        known, new = ControlPlace(tmp_path / "known", url), ControlPlace(tmp_path / "new", url)
        known.prepare()
        server.stop()
        with caplog.at_level(logging.ERROR, "entrepot.control"):
            known.prepare()
        assert "is in force: the control store in the PostgreSQL database" in caplog.text
        with pytest.raises(ControlError, match="cannot be used"):
            known.make()
        with pytest.raises(ControlError, match="cannot be used"):
            new.prepare()


def test_the_address_may_stand_in_the_environment(postgres: PostgresServer, tmp_path: Path) -> None:
    settings = load(tmp_path, f"{ONE_DEPLOYMENT}[ledger]\ndatabase = 'env:LEDGER'\n")
    control_place(settings, {"LEDGER": postgres.make_database()}).make()
    with pytest.raises(SettingsError, match="LEDGER"):
        control_place(settings, {})


def test_what_postgres_needs_is_told_where_it_is_not_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "entrepot.control.postgres", None)
    with pytest.raises(ExtraMissing, match="postgres"):
        ControlPlace(tmp_path, "postgresql://db/entrepot").make()
