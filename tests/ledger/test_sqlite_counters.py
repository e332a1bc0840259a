from __future__ import annotations

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from entrepot.errors import CountersUnreachable
from entrepot.ledger.counters import Move
from entrepot.ledger.sqlite_counters import COUNTERS_FILE, open_sqlite_counters
from tests.ledger.test_counters import NOW_S, Process


def test_many_connections_at_once_never_grant_more_than_there_is(tmp_path: Path) -> None:
    first = open_sqlite_counters(tmp_path)
    first.begin("e")
    first.activate("e", "", {})

    def take(number: int) -> int:
        counters = open_sqlite_counters(tmp_path)
        process = Process(counters, f"p{number}")
        process.report()
        granted = sum(process.want(7, 1000, like=20) for _ in range(40))
        counters.close()
        return granted

    with ThreadPoolExecutor(8) as pool:
        total = sum(pool.map(take, range(8)))
    assert 1000 - 7 < total <= 1000
    first.close()


def test_after_another_boot_the_epoch_is_void(tmp_path: Path) -> None:
    counters = open_sqlite_counters(tmp_path)
    counters.begin("e")
    with sqlite3.connect(tmp_path / COUNTERS_FILE) as connection:
        connection.execute("UPDATE epoch SET boot = 'another'")
    connection.close()
    assert counters.epoch() is None
    assert counters.begin("f")
    counters.close()


def test_a_file_that_was_removed_is_a_lost_memory(tmp_path: Path) -> None:
    counters = open_sqlite_counters(tmp_path)
    counters.begin("e")
    for path in tmp_path.glob(f"{COUNTERS_FILE}*"):
        path.unlink()
    assert counters.epoch() is None
    counters.close()


def test_a_file_that_is_no_database_is_told_by_its_path(tmp_path: Path) -> None:
    (tmp_path / COUNTERS_FILE).write_text("没有数据库" * 300)
    counters = open_sqlite_counters(tmp_path)
    with pytest.raises(CountersUnreachable, match=COUNTERS_FILE):
        counters.epoch()
    counters.close()


def test_a_failed_report_leaves_nothing_behind(tmp_path: Path) -> None:
    counters = open_sqlite_counters(tmp_path)
    counters.begin("e")
    counters.activate("e", "", {})
    process = Process(counters, "a")
    process.report()
    with pytest.raises(CountersUnreachable):
        process.report(Move("a", "money", 10, ((0, 5),)), Move("b", "money", 2**70, ((0, 2**70),)))
    assert counters.states(NOW_S) == ()
    counters.close()
