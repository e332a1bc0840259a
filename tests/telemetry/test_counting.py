from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from entrepot.canonical.response import Usage
from entrepot.exchange.records import AttemptRecord, Baseline, Entry
from entrepot.ledger.checks import SAMPLE_SERVED, sample_entry
from entrepot.telemetry.counting import MOST_CODES, Counts
from entrepot.telemetry.families import (
    ADDED_SECONDS,
    ATTEMPTS,
    BASELINE,
    COMPARED,
    COST,
    ERRORS,
    EXCHANGE_SECONDS,
    EXCHANGES,
    FIRST_TOKEN_SECONDS,
    LOST,
    TOKENS,
    UNPRICED,
)
from entrepot.telemetry.series import SeriesFile, read_all

Series = dict[tuple[str, ...], tuple[float, ...]]


class Counted:
    def __init__(self, directory: Path) -> None:
        self.counts = Counts(SeriesFile(directory, "gateway-0"))
        self._directory = directory

    @property
    def series(self) -> Series:
        (kept,) = read_all(self._directory)
        return kept.series


@pytest.fixture
def counted(tmp_path: Path) -> Counted:
    return Counted(tmp_path)


def entry(**changes: object) -> Entry:
    attempt = AttemptRecord(
        1, "host/通义", "通义", "host", 200, 90.0, usage=Usage(10, 20, 30, 40, 50), cost_nano_usd=7_000, answered=True
    )
    served = msgspec.structs.replace(SAMPLE_SERVED, deployment="host/通义")
    given = {
        "state": "completed",
        "status": 200,
        "dialect": "openai-chat",
        "route": "auto",
        "duration_ms": 100.0,
        "added_ms": 0.3,
        "first_token_ms": 60.0,
        "served": served,
        "attempts": (attempt,),
        "cost_nano_usd": 7_000,
        "baseline": Baseline("dear/large", "large", 90_000, 0, measured=False),
        **changes,
    }
    return msgspec.structs.replace(sample_entry(1), **given)


def test_an_exchange_counts_its_end_its_times_its_tokens_and_its_money(counted: Counted) -> None:
    counted.counts.count(entry())
    counted.counts.count(entry())
    series = counted.series
    assert series[EXCHANGES.name, "openai-chat", "auto", "completed", "200"] == (2.0,)
    assert series[ATTEMPTS.name, "host/通义", "answered"] == (2.0,)
    kinds = ("input", "cache_read", "cache_write", "output", "reasoning")
    assert [series[TOKENS.name, "host/通义", kind] for kind in kinds] == [(20.0,), (40.0,), (60.0,), (80.0,), (100.0,)]
    assert series[COST.name, "host/通义"] == (14_000.0,)
    assert series[UNPRICED.name, "host/通义"] == (0.0,)
    assert (series[BASELINE.name, "auto"], series[COMPARED.name, "auto"]) == ((180_000.0,), (14_000.0,))


def test_times_fall_into_the_bucket_whose_bound_they_do_not_pass(counted: Counted) -> None:
    counted.counts.count(entry(duration_ms=50.0, first_token_ms=50.1, added_ms=2_000.0))
    series = counted.series
    assert series[EXCHANGE_SECONDS.name, "auto"][:2] == (1.0, 0.0)
    assert series[FIRST_TOKEN_SECONDS.name, "host/通义"][:2] == (0.0, 1.0)
    assert series[ADDED_SECONDS.name,][len(ADDED_SECONDS.buckets)] == 1.0
    assert series[ADDED_SECONDS.name,][-1] == pytest.approx(2.0)


def test_an_exchange_that_was_refused_counts_without_a_route_or_tokens(counted: Counted) -> None:
    counted.counts.count(
        entry(state="refused", status=403, route=None, served=None, attempts=(), baseline=None, cost_nano_usd=0)
    )
    series = counted.series
    assert series[EXCHANGES.name, "openai-chat", "", "refused", "403"] == (1.0,)
    assert not any(key[0] in (TOKENS.name, ATTEMPTS.name, BASELINE.name) for key in series)


def test_every_attempt_counts_by_how_it_ended(counted: Counted) -> None:
    failed = AttemptRecord(1, "a/m", "m", "a", 500, 1.0, failure="overloaded")
    left = AttemptRecord(2, "b/m", "m", "b", 200, 1.0, cost_nano_usd=5)
    counted.counts.count(entry(attempts=(failed, left)))
    series = counted.series
    assert series[ATTEMPTS.name, "a/m", "overloaded"] == series[ATTEMPTS.name, "b/m", "left"] == (1.0,)
    assert series[UNPRICED.name, "a/m"] == (1.0,)
    assert series[COST.name, "b/m"] == (5.0,)


def test_errors_are_told_apart_up_to_a_number_of_codes(counted: Counted) -> None:
    for number in range(MOST_CODES + 50):
        counted.counts.refuse(f"a provider's word {number}")
    counted.counts.refuse("a provider's word 0")
    counted.counts.lose()
    errors = {key[1]: values[0] for key, values in counted.series.items() if key[0] == ERRORS.name}
    assert len(errors) == MOST_CODES + 1
    assert (errors["other"], errors["a provider's word 0"]) == (50.0, 2.0)
    assert counted.series[LOST.name,] == (1.0,)
