"""What a reader makes of the rows that it is given; the SQL itself is tried in test_rollups.py and by check_ledger."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path

import pytest

from entrepot.errors import LedgerError
from entrepot.ledger.checks import sample_entry
from entrepot.ledger.sqlite import ledger_path, open_sqlite


def test_an_entry_that_this_version_cannot_read_is_named(tmp_path: Path) -> None:
    entry = sample_entry(0)
    with open_sqlite(tmp_path) as store:
        store.insert([entry])
    with contextlib.closing(sqlite3.connect(ledger_path(tmp_path))) as connection, connection:
        connection.execute("UPDATE documents SET document = x'c0'")
    with open_sqlite(tmp_path) as store, pytest.raises(LedgerError, match=f"entry {entry.id} in .* cannot be read"):
        store.find(entry.id)
