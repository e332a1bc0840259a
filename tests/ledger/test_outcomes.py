"""What came of exchanges, from whoever says it."""

from __future__ import annotations

import contextlib
import sqlite3
import tempfile
from collections import defaultdict

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from entrepot.exchange.outcome import Outcome, OutcomeSource
from entrepot.exchange.records import Entry, Expected, Vote
from entrepot.ledger.checks import FIRST_NS, sample_entry
from entrepot.ledger.documents import documents_of
from entrepot.ledger.outcomes import judged
from entrepot.ledger.reading import RelationalStore
from entrepot.ledger.rows import ENTRY_COLUMNS, SERVED_COLUMNS, rows_of
from entrepot.ledger.sqlite import ledger_path, open_sqlite
from entrepot.ledger.store import Judged, Period
from entrepot.routing.holdout import Lot
from tests.ledger.entries import entries


def checked(number: int, passed: bool, p: float | None = None, **changes: object) -> Entry:
    """The `number`th exchange, whose answer was checked."""
    entry = sample_entry(number)
    vote = Vote(source="check", check="passed" if passed else "failed", p_correct=float(passed))
    attempts = (msgspec.structs.replace(entry.attempts[0], vote=vote),)
    expected = None if p is None else Expected(p, 0.9, 0.9)
    return msgspec.structs.replace(entry, attempts=attempts, expected=expected, **changes)


def said(
    number: int,
    score: float | None,
    *,
    at_s: int = 0,
    key: str = "k",
    source: OutcomeSource = "user",
    weight: float = 1.0,
) -> Outcome:
    """What was said of the `number`th exchange."""
    id_ = f"{number}-{at_s}-{key}-{source}"
    return Outcome(id_, sample_entry(number).id, FIRST_NS + at_s * 1_000_000_000, source, key, score, weight=weight)


def tell(store: RelationalStore, *outcomes: Outcome) -> None:
    store.insert_documents([], outcomes)


def only(judged: tuple[Judged, ...]) -> Judged:
    (one,) = judged
    return one


def test_checks_are_counted_beside_what_was_expected(store: RelationalStore) -> None:
    store.insert([checked(0, True, 0.75), checked(1, False, 0.71), checked(2, True, None)])
    judged = {one.p_tenth: one for one in store.judged()}
    assert (judged[8].count, judged[8].total, judged[8].told, judged[8].told_total) == (2, 1, 2, 1)
    assert judged[8].told_p == pytest.approx(1.46)
    assert (judged[8].difficulty, judged[8].model, judged[8].source) == ("easy", "qwen3-max", "check")
    assert (judged[None].count, judged[None].told, judged[None].difficulty) == (1, 0, None)


def test_what_a_user_says_finds_its_exchange_whichever_came_first(store: RelationalStore) -> None:
    tell(store, said(0, 0.25))
    assert store.judged() == ()
    store.insert([sample_entry(0)])
    one = only(store.judged())
    assert (one.source, one.count, one.total, one.squares) == ("user", 1, 0.25, 0.0625)


def test_the_latest_word_of_one_giver_counts_and_others_are_averaged_with_it(store: RelationalStore) -> None:
    store.insert([sample_entry(0)])
    tell(store, said(0, 0.0, at_s=2), said(0, 1.0, at_s=1), said(0, 0.0, at_s=2))
    assert only(store.judged()).total == 0.0
    tell(store, said(0, 1.0, at_s=0, key="other"))
    assert (only(store.judged()).count, only(store.judged()).total) == (1, 0.5)
    tell(store, said(0, 1.0, source="program"))
    assert {one.source: one.count for one in store.judged()} == {"user": 1, "program": 1}


def test_jurors_of_one_answer_are_one_observation_each_for_its_weight(store: RelationalStore) -> None:
    store.insert([sample_entry(0)])
    jury = (("kimi-k2", 1.0, 0.5), ("gpt-5", 0.0, 0.5), ("qwen3-max", 0.0, 1.0))
    tell(store, *(said(0, score, key=who, source="judge", weight=weight) for who, score, weight in jury))
    one = only(store.judged())
    assert (one.source, one.count, one.total, one.squares) == ("judge", 1, 0.25, 0.0625)


def test_a_sign_is_counted_and_is_no_outcome_of_an_experiment(store: RelationalStore) -> None:
    lot = Lot("openai/gpt-5", 0.1, True, 1 << 55, 10, None)
    store.insert([msgspec.structs.replace(sample_entry(number), lot=lot) for number in range(2)])
    tell(store, said(0, 0.0, key="regenerated", source="sign", weight=0.2), said(1, 1.0))
    tell(store, said(1, 0.0, key="regenerated", source="sign", weight=0.2))
    assert [one.outcome for one in store.drawn()] == [None, 1.0]
    assert {one.source: (one.count, one.total) for one in store.judged()} == {"sign": (2, 0.0), "user": (1, 1.0)}


def test_whoever_follows_reads_each_outcome_once_in_the_order_of_its_coming(store: RelationalStore) -> None:
    late, early = said(1, 1.0, at_s=9), said(0, 0.0, at_s=1)
    tell(store, late)
    tell(store, late, early)
    (first, one), (second, other) = store.outcomes_after(0)
    assert (one, other) == (late, early)
    assert store.outcomes_after(0, 1) == [(first, late)]
    assert store.outcomes_after(first) == [(second, early)]
    assert store.outcomes_after(second) == []


def test_outcomes_are_told_beside_what_their_exchanges_were(store: RelationalStore) -> None:
    store.insert([checked(0, True, 0.75), checked(1, False), sample_entry(2), sample_entry(3)])
    tell(store, said(2, 0.25, at_s=1), said(2, 0.5, at_s=2), said(0, 0.0, key="tests", source="verdict"), said(3, None))
    told = list(store.told())
    assert [(one.exchange, one.source, one.who, one.score) for one in told] == [
        (sample_entry(0).id, "check", "", 1.0),
        (sample_entry(0).id, "verdict", "tests", 0.0),
        (sample_entry(1).id, "check", "", 0.0),
        (sample_entry(2).id, "user", "k", 0.5),
    ]
    assert (told[0].p_correct, told[0].model, told[0].route, told[0].weight) == (0.75, "qwen3-max", "auto", 1.0)
    assert [one.exchange for one in store.told(Period(since_ns=sample_entry(2).started_ns))] == [sample_entry(2).id]


def test_outcomes_are_told_over_pages(store: RelationalStore) -> None:
    store.insert([sample_entry(number) for number in range(1001)])
    both: tuple[OutcomeSource, ...] = ("user", "program")
    tell(store, *(said(number, 1.0, source=source) for number in range(1001) for source in both))
    told = [(one.exchange, one.source) for one in store.told()]
    assert told == [(sample_entry(number).id, source) for number in range(1001) for source in ("program", "user")]


def test_a_label_without_a_score_is_kept_and_judges_nothing(store: RelationalStore) -> None:
    store.insert([sample_entry(0)])
    tell(store, said(0, None))
    assert store.judged() == ()


def test_outcomes_are_of_the_period_of_their_exchanges(store: RelationalStore) -> None:
    store.insert([checked(0, True), checked(3600, False)])
    tell(store, said(0, 0.5, at_s=9_000))
    first = store.judged(Period(until_ns=FIRST_NS + 3600 * 1_000_000_000))
    assert {one.source: one.total for one in first} == {"check": 1, "user": 0.5}


def test_what_was_drawn_is_told_in_order_of_time_with_what_came_of_it(store: RelationalStore) -> None:
    lot = Lot("openai/gpt-5", 0.1, True, 1 << 55, 10, None)
    with store:
        store.insert([checked(2, True, lot=msgspec.structs.replace(lot, drawn=False, unit=3)), sample_entry(1)])
        store.insert([msgspec.structs.replace(sample_entry(0), lot=lot, cost_nano_usd=None)])
        tell(store, said(0, 0.0), said(0, 1.0, key="other"))
        first, second = store.drawn()
        assert store.drawn(Period(until_ns=FIRST_NS)) == ()
    assert (first.unit, first.drawn, first.cost_nano_usd, first.outcome) == (1 << 55, True, None, 0.5)
    assert (first.baseline_nano_usd, first.routed_nano_usd) == (10, None)
    assert (second.unit, second.drawn, second.cost_nano_usd, second.outcome) == (3, False, 1002, 1.0)


@settings(deadline=None, max_examples=40)
@given(st.lists(entries(), max_size=15), st.sampled_from([Period(), Period(FIRST_NS + 10**14, FIRST_NS + 2 * 10**14)]))
def test_outcomes_in_roll_ups_are_those_of_the_entries(given_entries: list[Entry], period: Period) -> None:
    known = {entry.id: entry for entry in reversed(given_entries)}
    wanted: dict[object, list[float]] = defaultdict(lambda: [0.0, 0.0, 0.0])
    for entry in known.values():
        if not (period.since_ns or 0) <= entry.started_ns < (period.until_ns or 1 << 62):
            continue
        row = rows_of(entry)
        columns = dict(zip(ENTRY_COLUMNS, row.entry, strict=True))
        served = dict(zip(SERVED_COLUMNS, row.served or (None,) * len(SERVED_COLUMNS), strict=True))
        for source, value in (("check", columns["checked"]), ("agreement", columns["agreed"])):
            if value is not None:
                key: object = (
                    entry.route,
                    served["deployment"],
                    entry.language,
                    columns["difficulty"],
                    columns["p_tenth"],
                    source,
                )
                for place, added in enumerate((1.0, float(value), float(value) ** 2)):
                    wanted[key][place] += added
    with tempfile.TemporaryDirectory() as folder, open_sqlite(folder) as store:
        store.insert_documents(documents_of(given_entries))
        found: dict[object, list[float]] = defaultdict(lambda: [0.0, 0.0, 0.0])
        for one in store.judged(period):
            known_key: object = (one.route, one.deployment, one.language, one.difficulty, one.p_tenth, one.source)
            for place, added in enumerate((one.count, one.total, one.squares)):
                found[known_key][place] += added
    assert set(found) == set(wanted)
    for key, sums in wanted.items():
        assert found[key] == pytest.approx(sums)


def test_expectations_are_added_up_by_route_and_deployment(store: RelationalStore) -> None:
    store.insert([checked(0, True, 0.5), checked(1, True, 0.7), sample_entry(2)])
    (one,) = store.expectations()
    assert (one.route, one.deployment, one.exchanges, one.referred) == ("auto", "bailian/qwen3-max", 2, 2)
    assert [one.p_correct, one.p_best, one.p_reference] == pytest.approx([1.2, 1.8, 1.8])


def test_what_was_said_goes_with_those_who_are_forgotten_and_with_days_that_are_dropped(store: RelationalStore) -> None:
    later = msgspec.structs.replace(sample_entry(1), key="other", team=None)
    store.insert([sample_entry(0), later])
    tell(store, said(0, 1.0, key="other"), said(1, 1.0, key="财务部-报表"), said(1, 0.5, key="third"))
    store.forget("key", "财务部-报表", FIRST_NS)
    assert only(store.judged()).count == 1
    store.drop_before("2026-02-01")
    assert store.ask("SELECT count(*) FROM outcomes") == [(0,)]


def test_what_is_said_long_after_an_exchange_goes_with_its_entry(store: RelationalStore) -> None:
    store.insert([sample_entry(0)])
    tell(store, said(0, 1.0, at_s=60 * 86_400, source="verdict"))
    store.drop_before("2026-02-01")
    assert store.ask("SELECT count(*) FROM outcomes") == [(0,)]


def test_what_was_said_is_found_by_its_exchange_and_not_by_reading_the_period() -> None:
    with tempfile.TemporaryDirectory() as directory:
        open_sqlite(directory).close()
        with contextlib.closing(sqlite3.connect(ledger_path(directory))) as connection:
            steps = [
                str(row[3])
                for sql, parameters in judged(Period())
                for row in connection.execute(f"EXPLAIN QUERY PLAN {sql}", parameters)
            ]
    assert [step for step in steps if " entries " in step] == [
        "SEARCH entries USING INDEX sqlite_autoindex_entries_1 (id=?)"
    ]
