from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from entrepot.ledger.checks import FIRST_NS, SAMPLE_SERVED, sample_entry
from entrepot.ledger.sqlite import open_sqlite
from entrepot.reports.market import (
    concentration_of,
    flows_between,
    largest_move,
    measure_market,
    shares_of,
    tabulate_market,
)
from entrepot.reports.wording import words_of

MONTH_NS = 31 * 86_400 * 1_000_000_000
LOCAL = msgspec.structs.replace(SAMPLE_SERVED, maker="meta", on_premises=True, provider="ollama")
counts = st.dictionaries(st.sampled_from("abcde"), st.integers(1, 50), min_size=1)


def test_equal_makers_count_as_many_as_they_are() -> None:
    found = concentration_of({"a": 5, "b": 5, "c": 5, "d": 5})
    assert found is not None
    assert (found.herfindahl, found.effective, found.values) == (0.25, 4.0, 4)
    assert concentration_of({}) is None


@given(counts)
def test_there_are_never_more_effective_makers_than_makers(shares: dict[str, int]) -> None:
    found = concentration_of(shares)
    assert found is not None
    assert 1 <= found.effective <= found.values + 1e-9
    assert found.share == max(shares_of(shares).values())


@given(counts, counts)
def test_flows_explain_what_every_share_did_and_move_no_more(before: dict[str, int], after: dict[str, int]) -> None:
    old, new = shares_of(before), shares_of(after)
    flows = flows_between(before, after)
    for name in {*old, *new}:
        moved = sum(p for _, to, p in flows if to == name) - sum(p for source, _, p in flows if source == name)
        assert old.get(name, 0) + moved == pytest.approx(new.get(name, 0), abs=1e-9)
    least = sum(abs(old.get(n, 0) - new.get(n, 0)) for n in {*old, *new}) / 2
    assert sum(points for _, _, points in flows) == pytest.approx(least, abs=1e-9)


def test_the_largest_move_is_sought_within_two_months() -> None:
    months = [("2025-11", {"a": 9, "b": 1}), ("2025-12", {"a": 8, "b": 2}), ("2026-02", {"a": 1, "b": 9})]
    move = largest_move(months)
    assert move is not None
    assert (move.since, move.until) == ("2025-12", "2026-02")
    assert abs(move.points) == pytest.approx(0.7)
    assert largest_move(months[:1]) is None


@pytest.mark.parametrize("language", ["en", "zh"])
def test_local_inference_counts_like_the_rest_over_time(tmp_path: Path, language: str) -> None:
    words = words_of("zh" if language == "zh" else "en")
    with open_sqlite(tmp_path) as store:
        store.insert([sample_entry(n) for n in range(4)])
        store.insert(
            [
                msgspec.structs.replace(sample_entry(n), started_ns=FIRST_NS + MONTH_NS, served=LOCAL)
                for n in (10, 11, 12)
            ]
        )
        store.insert([msgspec.structs.replace(sample_entry(13), started_ns=FIRST_NS + MONTH_NS)])
        store.insert([msgspec.structs.replace(sample_entry(14), served=None, state="failed")])
        market = measure_market(store)
    assert market.months == (("2026-01", {"alibaba": 4}), ("2026-02", {"meta": 3, "alibaba": 1}))
    assert market.flows == (("alibaba", "meta", 0.75),)
    assert market.largest_move is not None
    assert abs(market.largest_move.points) == 0.75
    over_time, concentration, flows = tabulate_market(market, words)
    assert over_time.rows[0][1:] == (4, 0.25, 0.75)
    assert len(concentration.rows) == 4
    assert len(flows.rows) == 1


def test_an_empty_ledger_has_no_market(tmp_path: Path) -> None:
    with open_sqlite(tmp_path) as store:
        assert tabulate_market(measure_market(store)) == ()
