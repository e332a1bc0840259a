from __future__ import annotations

import contextlib
import sqlite3
import tempfile
import threading
from fractions import Fraction
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from entrepot.canonical.response import Usage
from entrepot.errors import LedgerError
from entrepot.exchange.records import Entry
from entrepot.ledger.checks import FIRST_NS, SAMPLE_SERVED, sample_entry
from entrepot.ledger.rows import MAX_NANO, MAX_TOKENS
from entrepot.ledger.sqlite import LEDGER_FILE, ledger_path, open_sqlite, open_sqlite_reader
from entrepot.ledger.store import Period, Sums
from tests.ledger.entries import entries

DAY_NS = 86_400 * 1_000_000_000


def known_cost(entry: Entry) -> int | None:
    return 0 if entry.cost_nano_usd is None and not entry.attempts else entry.cost_nano_usd


def sent(drawn: list[Entry]) -> list[Entry]:
    """Those whose answers somebody waited for."""
    return [entry for entry in drawn if entry.shadow is None]


def add_up(drawn: list[Entry]) -> Sums:
    """The sums by plain arithmetic."""
    exchanges = sent(drawn)
    shadows = [entry for entry in drawn if entry.shadow is not None]
    usages = [entry.usage for entry in exchanges if entry.usage is not None]
    costs = [known_cost(entry) for entry in exchanges]
    return Sums(
        exchanges=len(exchanges),
        completed=sum(entry.state == "completed" for entry in exchanges),
        input_tokens=sum(usage.input_tokens for usage in usages),
        cache_read_tokens=sum(usage.cache_read_tokens for usage in usages),
        cache_write_tokens=sum(usage.cache_write_tokens for usage in usages),
        output_tokens=sum(usage.output_tokens for usage in usages),
        reasoning_tokens=sum(usage.reasoning_tokens for usage in usages),
        unknown_usage=sum(entry.usage is None and bool(entry.attempts) for entry in exchanges),
        estimated_usage=sum(usage.estimated for usage in usages),
        cost_nano_usd=sum(cost for cost in costs if cost is not None),
        unknown_cost=costs.count(None),
        thrown_away_nano_usd=sum(
            attempt.cost_nano_usd or 0 for entry in exchanges for attempt in entry.attempts if not attempt.answered
        ),
        shadows=len(shadows),
        shadow_nano_usd=sum(known_cost(entry) or 0 for entry in shadows),
    )


@settings(max_examples=60, deadline=None)
@given(st.lists(entries(), max_size=30))
def test_sums_in_sql_are_the_sums_of_the_entries(drawn: list[Entry]) -> None:
    first = list({entry.id: entry for entry in reversed(drawn)}.values())  # of equal ids the first is kept
    with tempfile.TemporaryDirectory() as directory, open_sqlite(directory) as store:
        assert store.insert(drawn) == len(first)
        assert store.totals() == add_up(first)
        for day in range(3):
            since, until = FIRST_NS + day * DAY_NS, FIRST_NS + (day + 1) * DAY_NS
            of_day = [entry for entry in first if since <= entry.started_ns < until]
            assert store.totals(Period(since, until)) == add_up(of_day)
        for group in store.totals_by(("maker_country", "on_premises", "team", "day")):
            country, on_premises, team, day_name = group.values
            members = [
                entry
                for entry in first
                if entry.team == team
                and f"2026-01-0{1 + (entry.started_ns - FIRST_NS) // DAY_NS}" == day_name
                and (entry.served is not None) == group.served
                and (entry.served is None or (entry.served.maker_country == country))
                and (entry.served is None or str(int(entry.served.on_premises)) == on_premises)
            ]
            assert group.sums == add_up(members)
        assert sum(store.added_time().values()) == sum(entry.served is not None for entry in sent(first))


@settings(max_examples=60, deadline=None)
@given(st.lists(entries(), max_size=30))
def test_a_comparison_is_the_sum_of_its_entries(drawn: list[Entry]) -> None:
    done = [entry for entry in sent(drawn) if entry.state == "completed"]
    named = [entry for entry in done if entry.baseline is not None]
    compared = [(entry, entry.baseline) for entry in named if entry.baseline and known_cost(entry) is not None]
    with tempfile.TemporaryDirectory() as directory, open_sqlite(directory) as store:
        for number, entry in enumerate(drawn):
            store.insert([msgspec.structs.replace(entry, id=f"{number}")])
        comparisons = {part.baseline_model: part for part in store.comparisons()}
        unfinished = store.unfinished()
    assert comparisons.keys() == {"gpt-5" if entry.baseline else None for entry in done}
    if named:
        part = comparisons["gpt-5"]
        assert part.exchanges == len(compared)
        assert part.cost_nano_usd == sum(known_cost(entry) or 0 for entry, _ in compared)
        assert part.measured_nano_usd == sum(base.cost_nano_usd for _, base in compared if base.measured)
        assert part.estimated_nano_usd == sum(base.cost_nano_usd for _, base in compared if not base.measured)
        squares = sum(Fraction(base.error_nano_usd) ** 2 for _, base in compared if not base.measured)
        assert part.error_usd2 == pytest.approx(float(squares / 10**18))
        assert part.unknown_cost == len(named) - len(compared)
    failed = [entry for entry in sent(drawn) if entry.state != "completed" and entry.attempts]
    in_vain = failed if has_baseline(sent(drawn)) else []
    assert unfinished.exchanges == len(in_vain)
    assert unfinished.cost_nano_usd == sum(entry.cost_nano_usd or 0 for entry in in_vain)
    assert unfinished.unknown_cost == sum(entry.cost_nano_usd is None for entry in in_vain)


def has_baseline(drawn: list[Entry]) -> bool:
    return any(entry.baseline is not None for entry in drawn)


def test_an_absurd_number_of_a_provider_is_unknown_and_spoils_no_sum(tmp_path: Path) -> None:
    usage = msgspec.structs.replace(sample_entry(0).usage or Usage(), output_tokens=MAX_TOKENS + 1)
    absurd = msgspec.structs.replace(sample_entry(0), usage=usage, cost_nano_usd=MAX_NANO + 1)
    with open_sqlite(tmp_path) as store:
        store.insert([absurd, sample_entry(1)])
        sums = store.totals()
        assert sums.cost_nano_usd == sample_entry(1).cost_nano_usd
        assert (sums.unknown_cost, sums.unknown_usage) == (1, 1)
        assert store.find(absurd.id) == absurd


def test_facts_of_a_deployment_are_kept_as_they_were_when_it_answered(tmp_path: Path) -> None:
    moved = msgspec.structs.replace(SAMPLE_SERVED, region="EU")
    with open_sqlite(tmp_path) as store:
        store.insert([sample_entry(0), msgspec.structs.replace(sample_entry(1), served=moved), sample_entry(2)])
    with open_sqlite(tmp_path) as store:
        store.insert([sample_entry(3)])
        regions = {group.values: group.sums.exchanges for group in store.totals_by(("region",))}
    assert regions == {("CN",): 3, ("EU",): 1}
    with contextlib.closing(sqlite3.connect(ledger_path(tmp_path))) as connection:
        assert connection.execute("SELECT count(*) FROM served").fetchone() == (2,)


def test_a_reader_sees_what_is_committed_while_a_writer_writes(tmp_path: Path) -> None:
    with open_sqlite(tmp_path) as store, open_sqlite_reader(tmp_path) as reader:
        seen: list[int] = []
        writer = threading.Thread(
            target=lambda: [store.insert([sample_entry(5 * n + k) for k in range(5)]) for n in range(40)]
        )
        writer.start()
        while writer.is_alive():
            seen.append(reader.totals().exchanges)
        writer.join()
        seen.append(reader.totals().exchanges)
    assert seen == sorted(seen)
    assert {count % 5 for count in seen} == {0}  # whole transactions or nothing
    assert seen[-1] == 200


def test_a_reader_writes_nothing(tmp_path: Path) -> None:
    open_sqlite(tmp_path).close()
    with open_sqlite_reader(tmp_path) as reader, pytest.raises(sqlite3.OperationalError, match="readonly"):
        reader._connection.execute("DELETE FROM entries")


def test_a_ledger_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(LedgerError, match=f"no ledger at {tmp_path}"):
        open_sqlite_reader(tmp_path)


def test_a_file_that_is_no_ledger_is_named(tmp_path: Path) -> None:
    ledger_path(tmp_path).write_text("这不是账本" * 100, encoding="utf-8")
    with pytest.raises(LedgerError, match=f"{LEDGER_FILE} cannot be used: file is not a database"):
        open_sqlite(tmp_path)


def test_a_directory_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(LedgerError, match="cannot make the ledger's directory"):
        open_sqlite(tmp_path / "file")


def test_a_ledger_with_odd_characters_in_its_path_opens(tmp_path: Path) -> None:
    directory = tmp_path / "账本 100%?#"
    with open_sqlite(directory) as store:
        store.insert([sample_entry(0)])
    assert ledger_path(directory).exists()
    with open_sqlite_reader(directory) as reader:
        assert reader.totals().exchanges == 1
