from __future__ import annotations

import sqlite3
import stat
from pathlib import Path

import pytest

from entrepot.control.sqlite import SqliteControlStore, control_path, open_control, open_control_reader
from entrepot.errors import ControlError
from tests.control.books import a_key, a_store


def test_the_trail_cannot_be_rewritten(tmp_path: Path) -> None:
    with a_store(tmp_path) as store:
        a_key(store)
    connection = sqlite3.connect(control_path(tmp_path))
    for statement in ("UPDATE changes SET who = 'nobody'", "DELETE FROM changes"):
        with pytest.raises(sqlite3.IntegrityError, match="only ever added to"):
            connection.execute(statement)
    connection.close()


def test_the_file_is_its_owners_alone(tmp_path: Path) -> None:
    with a_store(tmp_path) as store:
        a_key(store)
        assert {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()} == {0o600}


def test_a_reader_changes_nothing(tmp_path: Path) -> None:
    open_control(tmp_path).close()
    with open_control_reader(tmp_path) as reader, pytest.raises(ControlError, match="readonly"):
        a_key(reader)


def test_a_file_in_the_place_of_another_is_another_store(tmp_path: Path) -> None:
    with a_store(tmp_path / "backup") as other:
        a_key(other, "from the backup")
    with a_store(tmp_path) as store:
        assert isinstance(store, SqliteControlStore)
        before = store.state()
        for path in tmp_path.glob("control.sqlite-*"):
            path.unlink()
        control_path(tmp_path / "backup").replace(control_path(tmp_path))
        assert store.state() != before
        assert [key.name for key in store.snapshot().keys] == ["from the backup"]


def test_what_cannot_be_read_is_told_with_its_file(tmp_path: Path) -> None:
    with pytest.raises(ControlError, match="there is no control store at"):
        open_control_reader(tmp_path)
    control_path(tmp_path).write_bytes(b"this is no database, whatever it is called" * 100)
    for open_it in (open_control, open_control_reader):
        with pytest.raises(ControlError, match=r"control\.sqlite cannot be used"):
            open_it(tmp_path)
    (tmp_path / "file").touch()
    with pytest.raises(ControlError, match="cannot make the control store"):
        open_control(tmp_path / "file" / "below")
