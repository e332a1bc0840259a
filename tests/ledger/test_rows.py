from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from entrepot.canonical.response import Usage
from entrepot.exchange.records import Baseline, Entry
from entrepot.ledger.checks import sample_entry
from entrepot.ledger.rows import (
    ATTEMPT_COLUMNS,
    ENTRY_COLUMNS,
    MAX_NANO,
    MAX_TOKENS,
    SERVED_COLUMNS,
    TOKEN_COLUMNS,
    Value,
    rows_of,
)
from tests.ledger.entries import entries


def entry_row(entry: Entry) -> dict[str, Value]:
    return dict(zip(ENTRY_COLUMNS, rows_of(entry).entry, strict=True))


@given(entries())
def test_every_row_has_a_value_for_every_column(entry: Entry) -> None:
    rows = rows_of(entry)
    assert len(rows.entry) == len(ENTRY_COLUMNS)
    assert [len(attempt) for attempt in rows.attempts] == [len(ATTEMPT_COLUMNS)] * len(entry.attempts)
    assert rows.served is None or len(rows.served) == len(SERVED_COLUMNS)


def test_a_row_says_what_the_entry_says() -> None:
    row = entry_row(sample_entry(3))
    assert row["day"] == "2026-01-01"
    assert (row["team"], row["key"], row["tags"]) == ("财务", "财务部-报表", "internal")
    assert (row["input_tokens"], row["reasoning_tokens"], row["cost_nano_usd"]) == (103, 3, 1003)
    assert (row["baseline_model"], row["baseline_cost_nano_usd"]) == ("gpt-5", 9_000)


def test_only_attempts_whose_answer_nobody_got_are_thrown_away() -> None:
    entry = sample_entry(0)
    (attempt,) = entry.attempts
    lost = msgspec.structs.replace(attempt, answered=False, cost_nano_usd=70)
    unknown = msgspec.structs.replace(lost, cost_nano_usd=None)
    row = entry_row(msgspec.structs.replace(entry, attempts=(lost, unknown, attempt)))
    assert row["thrown_away_nano_usd"] == 70


def test_an_exchange_that_called_nobody_cost_nothing() -> None:
    assert entry_row(msgspec.structs.replace(sample_entry(0), cost_nano_usd=None, attempts=()))["cost_nano_usd"] == 0
    assert entry_row(msgspec.structs.replace(sample_entry(0), cost_nano_usd=None))["cost_nano_usd"] is None


@pytest.mark.parametrize("amount", [-1, MAX_NANO + 1])
def test_a_baseline_beyond_reason_is_no_baseline(amount: int) -> None:
    for baseline in (
        Baseline("openai/gpt-5", "gpt-5", amount, 0, measured=False),
        Baseline("openai/gpt-5", "gpt-5", 5, amount, measured=False),
    ):
        row = entry_row(msgspec.structs.replace(sample_entry(0), baseline=baseline))
        assert row["baseline_model"] is None
        assert row["baseline_cost_nano_usd"] is None


@pytest.mark.parametrize("added_ms", [float("nan"), float("inf"), -3.0])
def test_a_time_that_is_no_time_does_not_stop_the_ledger(added_ms: float) -> None:
    assert entry_row(msgspec.structs.replace(sample_entry(0), added_ms=added_ms))["added_bucket"] == 0


around = st.one_of(
    st.integers(0, 1 << 20), st.integers(MAX_TOKENS - 2, MAX_TOKENS + 2), st.integers(-2, 2), st.sampled_from([1 << 62])
)


@given(st.tuples(around, around, around, around, around))
def test_tokens_are_believed_where_every_count_is_within_reason(counts: tuple[int, int, int, int, int]) -> None:
    row = entry_row(msgspec.structs.replace(sample_entry(1), usage=Usage(*counts)))
    believed = all(0 <= count <= MAX_TOKENS for count in counts)
    assert tuple(row[name] for name in TOKEN_COLUMNS) == (counts if believed else (None,) * 5)
