from __future__ import annotations

from pathlib import Path

from entrepot.ledger.checks import sample_entry
from entrepot.ledger.documents import documents_of
from entrepot.ledger.sqlite import ledger_path, open_sqlite
from entrepot.reports.shadows import measure_shadows, tabulate_shadows
from entrepot.reports.spend import measure_spend, tabulate_spend
from tests.ledger.test_shadows import ASKED, NANO_USD, a_shadow, said


def test_pairs_are_counted_each_and_the_difference_is_of_sessions(tmp_path: Path) -> None:
    with open_sqlite(ledger_path(tmp_path)) as store:
        scores = {10: (0, 1.0), 11: (0, 0.0), 12: (1, 1.0), 13: (2, 0.5), 14: (3, 0.0), 15: (4, 1.0)}
        entries = [a_shadow(number, of) for number, (of, _) in scores.items()]
        store.insert_documents(
            documents_of(entries), [said(number, "a", score) for number, (_, score) in scores.items()]
        )
        (found,) = measure_shadows(store)
        assert (found.better, found.equal, found.worse, found.sessions) == (3, 1, 2, 5)
        assert found.difference is not None
        assert found.difference.estimate == (1 + 1 + 0 - 1 + 1) / 5
        assert found.difference.low == -1.0
        table = tabulate_shadows([found])
        row = dict(zip([column.name for column in table.columns], table.rows[0], strict=True))
        assert (row["shadows"], row["answered"], row["better"], row["worse"]) == (6, 6, 3, 2)
        assert (row["cost_nano_usd"], row["cost_ratio"]) == (6 * NANO_USD, NANO_USD / 1000)


def test_many_pairs_make_the_interval_narrow(tmp_path: Path) -> None:
    with open_sqlite(ledger_path(tmp_path)) as store:
        entries = [a_shadow(number, number) for number in range(1000)]
        outcomes = [said(number, "a", (0.0, 0.5, 0.5, 0.5)[number % 4]) for number in range(1000)]
        store.insert_documents(documents_of(entries), outcomes)
        (found,) = measure_shadows(store)
        assert found.asked.deployment == ASKED
        assert found.difference is not None
        assert -0.35 < found.difference.low < -0.25 < found.difference.high < -0.17


def test_without_pairs_there_is_no_difference_and_spending_shows_what_was_asked(tmp_path: Path) -> None:
    with open_sqlite(ledger_path(tmp_path)) as store:
        store.insert_documents(documents_of([sample_entry(0), a_shadow(10, 0)]))
        (found,) = measure_shadows(store)
        assert (found.difference, found.sessions) == (None, 0)
        table = tabulate_spend(measure_spend(store, "key"))
        keys = [column.name for column in table.columns]
        rows = [dict(zip(keys, row, strict=True)) for row in table.rows]
        assert [row["shadow_nano_usd"] for row in rows] == [0, NANO_USD, NANO_USD]
        assert [row["exchanges"] for row in rows] == [1, 0, 1]
        plain = tabulate_spend(measure_spend(store, "key"))
        assert plain == table
