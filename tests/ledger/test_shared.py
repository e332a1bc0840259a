from __future__ import annotations

import sys
from pathlib import Path

import pytest

from entrepot.errors import CountersUnreachable, ExtraMissing, SettingsError
from entrepot.ledger.shared import open_shared_counters
from entrepot.ledger.sqlite_counters import SqliteCounters


def test_without_an_address_they_lie_beside_the_ledger(tmp_path: Path) -> None:
    counters = open_shared_counters(tmp_path)
    assert isinstance(counters, SqliteCounters)
    counters.close()


def test_without_the_library_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "redis", None)
    monkeypatch.delitem(sys.modules, "entrepot.ledger.redis_counters", raising=False)
    with pytest.raises(ExtraMissing, match=r"entrepot\[redis\]"):
        open_shared_counters(tmp_path, "redis://localhost")


def test_a_wrong_address_is_not_repeated(tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as error:
        open_shared_counters(tmp_path, "nonsense://:hunter2@host")
    assert "hunter2" not in error.value.message


def test_a_server_that_is_not_there_is_told_without_its_password(tmp_path: Path) -> None:
    counters = open_shared_counters(tmp_path, f"unix://:hunter2@{tmp_path}/no.sock")
    with pytest.raises(CountersUnreachable) as error:
        counters.epoch()
    assert "hunter2" not in error.value.message
    assert "no.sock" in error.value.message
    counters.close()
