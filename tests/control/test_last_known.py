from __future__ import annotations

import logging
import stat
from pathlib import Path

import pytest

from entrepot.control.last_known import FILE, recall, remember
from entrepot.control.objects import Secret, Snapshot, StoredKey
from entrepot.policy.rules import Facts, Rule, When
from entrepot.policy.teams import Team

STORE = "the PostgreSQL database 'a' on db-1"
KEPT = Snapshot(
    7,
    keys=(StoredKey("网站", (Secret("0" * 64, "ent-", 0),), 0, tags=("a",)),),
    teams=(Team("法务", "集团"),),
    rules=(Rule("数据不出境", When(tags=("a",)), deny=Facts(region=("US",))),),
)


def test_what_was_read_is_known_again(tmp_path: Path) -> None:
    assert recall(tmp_path, STORE) is None
    assert remember(tmp_path / "new", STORE, lambda: KEPT) == KEPT
    known = recall(tmp_path / "new", STORE)
    assert known is not None
    assert known.snapshot == KEPT
    remember(tmp_path / "new", STORE, Snapshot)
    known = recall(tmp_path / "new", STORE)
    assert known is not None
    assert known.snapshot == Snapshot()


def test_what_another_database_kept_is_not_what_this_one_does(tmp_path: Path) -> None:
    remember(tmp_path, STORE, lambda: KEPT)
    assert recall(tmp_path, "the PostgreSQL database 'a' on db-2") is None
    assert recall(tmp_path, STORE) is not None


def test_the_copy_is_its_owners_alone(tmp_path: Path) -> None:
    remember(tmp_path, STORE, lambda: KEPT)
    assert {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()} == {0o600}


def test_what_cannot_be_read_leaves_the_copy_as_it_was(tmp_path: Path) -> None:
    def fail() -> Snapshot:
        raise ConnectionError

    remember(tmp_path, STORE, lambda: KEPT)
    with pytest.raises(ConnectionError):
        remember(tmp_path, STORE, fail)
    known = recall(tmp_path, STORE)
    assert known is not None
    assert known.snapshot == KEPT
    assert remember(tmp_path, STORE, Snapshot) == Snapshot()  # the turn was given back


def test_a_copy_that_is_damaged_is_none(tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(b'{"read_s": 1, "snapshot": {"keys": [1]}}')
    assert recall(tmp_path, STORE) is None


def test_a_copy_that_cannot_be_kept_is_told_of_and_no_more(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "taken" / FILE / "full").mkdir(parents=True)
    for directory in (tmp_path / "file" / "below", tmp_path / "taken"):
        with caplog.at_level(logging.ERROR, "entrepot.control"):
            assert remember(directory, STORE, lambda: KEPT) == KEPT
        assert "no copy of the control store is kept" in caplog.text
        caplog.clear()
