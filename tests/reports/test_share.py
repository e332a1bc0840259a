from __future__ import annotations

from pathlib import Path

import msgspec

from entrepot.ledger.checks import SAMPLE_SERVED, sample_entry
from entrepot.ledger.sqlite import open_sqlite
from entrepot.ledger.store import DIMENSIONS, Dimension, Period, Sums
from entrepot.reports.render import Label, Table
from entrepot.reports.share import measure_share, tabulate_share
from entrepot.reports.spend import measure_spend
from entrepot.reports.wording import words_of

LOCAL = msgspec.structs.replace(
    SAMPLE_SERVED, provider="ollama", on_premises=True, open_weights=True, region="LOCAL", accelerator="昇腾 910B"
)


def report(directory: Path, dimension: Dimension, limit: int | None = None) -> Table:
    with open_sqlite(directory) as store:
        store.insert(
            [
                *(sample_entry(number) for number in range(6)),
                *(msgspec.structs.replace(sample_entry(n), served=LOCAL, cost_nano_usd=0) for n in (6, 7, 8)),
                msgspec.structs.replace(sample_entry(9), served=None, state="failed", team=None, cost_nano_usd=None),
            ]
        )
        return tabulate_share(measure_share(store, dimension), limit=limit)


def labels(table: Table) -> list[tuple[object, str]]:
    return [(row[0].name, row[0].text) for row in table.rows if isinstance(row[0], Label)]


def test_groups_are_the_largest_first_with_their_parts(tmp_path: Path) -> None:
    table = report(tmp_path, "provider")
    assert labels(table) == [("bailian", "bailian"), ("ollama", "ollama"), (None, "(no deployment answered)")]
    first = table.rows[0]
    assert first[1:3] == (6, 0.6)
    assert first[3:5] == (sum(100 + n + 7 for n in range(6)), 6 * 53)
    assert first[5:] == (sum(1_000 + n for n in range(6)), 1.0)


def test_a_group_whose_costs_are_all_unknown_has_no_cost(tmp_path: Path) -> None:
    table = report(tmp_path, "provider")
    assert table.rows[1][5:] == (0, 0.0)
    assert table.rows[2][5:] == (None, None)
    assert table.notes == ("The cost of 1 exchanges is unknown; it is in no sum.",)


def test_what_is_unknown_of_a_deployment_is_told_from_what_nobody_answered(tmp_path: Path) -> None:
    assert labels(report(tmp_path, "accelerator")) == [
        (None, "(unknown)"),
        ("昇腾 910B", "昇腾 910B"),
        (None, "(no deployment answered)"),
    ]


def test_truth_values_have_names(tmp_path: Path) -> None:
    assert labels(report(tmp_path, "on_premises"))[:2] == [(False, "hosted"), (True, "on the premises")]


def test_an_exchange_without_a_team_is_of_none(tmp_path: Path) -> None:
    assert labels(report(tmp_path, "team")) == [("财务", "财务"), (None, "(none)")]


def test_groups_beyond_the_limit_are_one_line_and_nothing_is_lost(tmp_path: Path) -> None:
    table = report(tmp_path, "provider", limit=1)
    assert labels(table)[1:] == [("others", "(2 others)")]
    assert [sum(int(str(row[1])) for row in table.rows)] == [10]


def test_every_dimension_has_its_table_in_every_language(tmp_path: Path) -> None:
    with open_sqlite(tmp_path) as store:
        store.insert([sample_entry(0)])
        for dimension in DIMENSIONS:
            share = measure_share(store, dimension)
            assert share.total.exchanges == 1
            titles = {tabulate_share(share, words_of(language)).title for language in ("en", "zh")}
            assert len(titles) == 2


def test_an_empty_period_has_an_empty_table(tmp_path: Path) -> None:
    with open_sqlite(tmp_path) as store:
        share = measure_share(store, "model", Period(until_ns=0))
    assert (share.groups, share.total) == ((), Sums())
    assert tabulate_share(share).rows == ()


def test_a_team_has_one_line_whether_or_not_it_was_answered(tmp_path: Path) -> None:
    refused = {"served": None, "state": "failed"}
    with open_sqlite(tmp_path) as store:
        store.insert(
            [sample_entry(n) if n % 3 else msgspec.structs.replace(sample_entry(n), **refused) for n in range(9)]
        )
        dimensions: tuple[Dimension, ...] = ("team", "key", "route", "day")
        for dimension in dimensions:
            by_hand: dict[str | None, int] = {}
            for n in range(9):
                entry = sample_entry(n)
                value = {"team": entry.team, "key": entry.key, "route": entry.route}.get(dimension, "")
                by_hand[value] = by_hand.get(value, 0) + 1
            for groups in (measure_share(store, dimension).groups, measure_spend(store, dimension).groups):
                counts = [group.sums.exchanges for group in groups]
                assert len({group.values for group in groups}) == len(groups)
                assert sum(counts) == 9
                if dimension != "day":
                    assert {group.values[0]: group.sums.exchanges for group in groups} == by_hand
