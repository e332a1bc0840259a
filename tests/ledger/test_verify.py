"""A ledger that does not agree with itself is told where."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path

import pytest

from entrepot.ledger.checks import sample_entry
from entrepot.ledger.sqlite import ledger_path, open_sqlite


def test_a_sound_ledger_is_sound(tmp_path: Path) -> None:
    with open_sqlite(tmp_path) as store:
        store.insert([sample_entry(number) for number in range(5)])
        found = store.verify()
    assert found.sound
    assert (found.entries, found.attempts) == (5, 5)
    assert found.rollup_rows > 10


@pytest.mark.parametrize(
    ("harm", "told"),
    [
        ("UPDATE entries SET cost_nano_usd = cost_nano_usd + 1 WHERE seq = 3", "cost_nano_usd is 1003"),
        ("UPDATE attempts SET output_tokens = 0 WHERE seq = 2", "attempt 1 is not what its document says"),
        ("DELETE FROM attempts WHERE seq = 4", "has 0 attempts, its document 1"),
        ("DELETE FROM entries WHERE seq = 4", "belong to no entry"),
        ("DELETE FROM documents WHERE seq = 1", "has no document"),
        ("UPDATE documents SET document = x'00' WHERE seq = 1", "cannot be read"),
        (
            "UPDATE daily_route SET exchanges = 6",
            "daily_route at 2026-01-01, auto, 1: exchanges is 6, the entries give 5",
        ),
        ("DELETE FROM hourly_key", "the row is missing"),
        ("INSERT INTO daily_added VALUES ('2020-01-01', 7, 1)", "none of the entries is of it"),
        ("UPDATE served SET model = 'else'", "model is 'else', its document says 'qwen3-max'"),
    ],
)
def test_what_does_not_agree_is_named(tmp_path: Path, harm: str, told: str) -> None:
    with open_sqlite(tmp_path) as store:
        store.insert([sample_entry(number) for number in range(5)])
    with contextlib.closing(sqlite3.connect(ledger_path(tmp_path))) as connection, connection:
        connection.execute(harm)
    with open_sqlite(tmp_path) as store:
        found = store.verify()
    assert not found.sound
    assert any(told in difference for difference in found.differences), found.differences
