from __future__ import annotations

import contextlib
from collections.abc import Sequence
from pathlib import Path

import pytest

from entrepot.exchange.records import Entry
from entrepot.ledger.checks import check_ledger
from entrepot.ledger.sqlite import SqliteStore, open_sqlite
from entrepot.ledger.store import ALWAYS, Period, SpoolProgress, Sums
from tests.ledger.conftest import OpenPlace


def test_every_database_keeps_every_promise_of_a_ledger(place_called: OpenPlace) -> None:
    check_ledger(lambda name: place_called(name).open_store())


class _Forgetful(SqliteStore):
    """Forgets how far a spool was ingested."""

    def insert(
        self, entries: Sequence[Entry], *, before: SpoolProgress | None = None, after: SpoolProgress | None = None
    ) -> int:
        return super().insert(entries)


class _Optimist(SqliteStore):
    """Takes the unknown for zero."""

    def totals(self, period: Period = ALWAYS) -> Sums:
        sums = super().totals(period)
        return Sums(*(0 if name == "unknown_cost" else getattr(sums, name) for name in Sums.__struct_fields__))


@pytest.mark.parametrize(("kind", "promise"), [(_Forgetful, "progress is kept"), (_Optimist, "a cost that is unknown")])
def test_a_ledger_that_breaks_a_promise_is_told_which(tmp_path: Path, kind: type[SqliteStore], promise: str) -> None:
    with contextlib.ExitStack() as opened:

        def open_broken(name: str) -> SqliteStore:
            store = opened.enter_context(open_sqlite(tmp_path / name))
            return kind(store._connection, store._path)

        with pytest.raises(AssertionError, match=promise):
            check_ledger(open_broken)
