"""The holdout's experiment on simulated sessions whose truth is known, and what is said of it."""

from __future__ import annotations

import math
from pathlib import Path

import msgspec
import numpy as np
import pytest

from entrepot.exchange.outcome import Outcome
from entrepot.exchange.records import Entry, Vote
from entrepot.ledger.checks import sample_entry
from entrepot.ledger.sqlite import open_sqlite
from entrepot.reports.experiment import (
    LEAST_OF_EACH,
    Experiment,
    Trial,
    compare,
    foreseen,
    measure_experiments,
    narrower,
    trials_of,
)
from entrepot.reports.experiment_told import tabulate_experiments
from entrepot.reports.render import Label
from entrepot.reports.wording import words_of
from entrepot.routing.holdout import Lot
from entrepot.routing.utility import Decision, Weighed

DEAR, CHEAP = 1.3, 0.39  # dollars a session: the truth is a saving of 70 %, and two points of quality
SAVING = 1 - CHEAP / DEAR
LOSS = -0.02


def sessions(count: int, share: float, chance: np.random.Generator) -> list[Trial]:
    """Log-normal costs around predictions that are a third too low, and outcomes that are right or wrong."""
    size = chance.lognormal(-0.245, 0.7, count)
    dear = DEAR * size * chance.lognormal(-0.18, 0.6, count)
    cheap = CHEAP * size * chance.lognormal(-0.18, 0.6, count)
    drawn = chance.random(count) < share
    right = chance.random(count) < np.where(drawn, 0.9, 0.9 + LOSS)
    return [
        Trial(share, bool(lot), float(d if lot else c), float(m), float(0.3 * m), float(ok))
        for lot, d, c, m, ok in zip(drawn, dear, cheap, size * 0.9, right, strict=True)
    ]


@pytest.mark.parametrize("share", [0.1, 0.3])
def test_looked_at_all_the_time_it_is_ever_wrong_in_few_runs(share: float) -> None:
    """300 runs of 3,000 sessions, looked at every 100: at most 5 % ever wrong, 8 % allowed for the luck of 300."""
    chance = np.random.default_rng(21)
    runs, wrong_saving, wrong_quality, said = 300, 0, 0, 0
    for _ in range(runs):
        trials = sessions(3000, share, chance)
        looks = [compare("auto", "b", trials[:n]) for n in range(300, 3001, 300)]
        savings = [look.fraction for look in looks if look.fraction is not None]
        said += bool(savings)
        wrong_saving += any(not found.low <= SAVING <= found.high for found in savings)
        qualities = [look.quality for look in looks if look.quality is not None]
        wrong_quality += any(not found.low <= LOSS <= found.high for found in qualities)
    assert said == runs
    assert wrong_saving / runs <= 0.08
    assert wrong_quality / runs <= 0.08


def test_with_many_sessions_the_saving_is_told_from_none() -> None:
    found = compare("auto", "b", sessions(5000, 0.2, np.random.default_rng(22)))
    assert found.fraction is not None
    assert found.quality is not None
    assert 0.5 < found.fraction.low < SAVING < found.fraction.high < 0.85
    assert found.quality.high - found.quality.low < 0.25
    assert found.saving is not None
    assert found.saving.low > 0


def test_predictions_take_spread_away_and_no_truth() -> None:
    chance = np.random.default_rng(23)
    with_them = sessions(4000, 0.2, chance)
    without = [msgspec.structs.replace(one, baseline_usd=0.0, routed_usd=0.0) for one in with_them]
    near, far = compare("a", "b", with_them), compare("a", "b", without)
    assert near.fraction is not None
    assert far.fraction is not None
    assert near.plain_fraction == far.plain_fraction
    gained, lost = narrower(near.fraction, near.plain_fraction), narrower(far.fraction, far.plain_fraction)
    assert gained is not None
    assert lost is not None
    assert gained > 0.15
    assert abs(lost) < 0.1
    assert far.fraction.low <= SAVING <= far.fraction.high


def test_too_few_of_either_kind_are_no_answer() -> None:
    few = [Trial(0.1, number < LEAST_OF_EACH - 1, 1.0, 1.0, 1.0, 1.0) for number in range(2000)]
    found = compare("auto", "b", few)
    assert (found.fraction, found.quality, found.drawn) == (None, None, LEAST_OF_EACH - 1)


def cast(number: int, *, drawn: bool, unit: int, cost: int | None = 100, passed: bool | None = None) -> Entry:
    entry = sample_entry(number)
    vote = None if passed is None else Vote(source="check", check="passed" if passed else "failed")
    attempt = msgspec.structs.replace(entry.attempts[0], vote=vote)
    lot = Lot("openai/gpt-5", 0.5, drawn, unit, 1000, 100)
    return msgspec.structs.replace(entry, lot=lot, cost_nano_usd=cost, attempts=(attempt,))


def test_a_session_is_one_with_what_was_expected_before_its_first_call(tmp_path: Path) -> None:
    with open_sqlite(tmp_path) as store:
        store.insert(
            [
                cast(1, drawn=True, unit=7, cost=500, passed=True),
                cast(2, drawn=False, unit=8, cost=None),
                cast(3, drawn=True, unit=7, cost=700, passed=False),
            ]
        )
        first, second = trials_of(store.drawn())
    assert first == Trial(0.5, True, 1200e-9, 1000e-9, 100e-9, 0.5, exchange=sample_entry(1).id)
    assert second.cost_usd is None
    assert second.outcome is None


def ledger_of(directory: Path, sessions_of_each: int) -> tuple[Experiment, ...]:
    """Sessions that cost 1,000 where drawn and 100 where not; the estimate says the same."""
    entries = []
    for number in range(2 * sessions_of_each):
        drawn = number % 2 == 0
        entry = cast(number, drawn=drawn, unit=number, cost=1000 if drawn else 100, passed=True)
        assert entry.baseline is not None
        baseline = msgspec.structs.replace(
            entry.baseline,
            cost_nano_usd=1000,
            error_nano_usd=0,
            measured=drawn,
            drawn=drawn,
            predicted_nano_usd=1000 if drawn else None,
        )
        entries.append(msgspec.structs.replace(entry, baseline=baseline))
    with open_sqlite(directory) as store:
        store.insert(entries)
        return measure_experiments(store)


def test_both_answers_stand_side_by_side(tmp_path: Path) -> None:
    (one,) = ledger_of(tmp_path, LEAST_OF_EACH)
    assert (one.route, one.baseline, one.drawn, one.routed) == ("auto", "openai/gpt-5", LEAST_OF_EACH, LEAST_OF_EACH)
    assert one.fraction is not None
    assert one.estimated is not None
    assert one.fraction.estimate == pytest.approx(0.9, abs=0.002)
    assert one.estimated.estimate == pytest.approx(0.9, abs=1e-6)
    table, why = tabulate_experiments([one])
    assert [row[2].name for row in table.rows if isinstance(row[2], Label)] == ["adjusted", "plain", "estimate"]
    assert len(table.charts) == 1
    assert words_of("en")("within_chance") in why.notes


@pytest.mark.parametrize("language", ["en", "zh"])
def test_what_is_missing_is_told(tmp_path: Path, language: str) -> None:
    words = words_of("zh" if language == "zh" else "en")
    (one,) = ledger_of(tmp_path, 3)
    (table,) = tabulate_experiments([msgspec.structs.replace(one, unknown=2)], words)
    notes = table.notes
    assert words("experiment_early", route="auto", drawn=3, routed=3, least=LEAST_OF_EACH) in notes
    assert words("outcomes_early", route="auto", drawn=3, routed=3, least=LEAST_OF_EACH) in notes
    assert words("experiment_unknown", route="auto", count=2) in notes
    (empty,) = tabulate_experiments([], words)
    assert empty.notes == (words("no_experiment"),)


def test_everybody_drawn_is_no_comparison() -> None:
    found = compare("auto", "b", [Trial(1.0, True, 1.0, 1.0, 1.0, None)] * 300)
    assert found.fraction is None
    assert not math.isnan(found.confidence)


def decided(number: int, *, drawn: bool, p_baseline: float, p_routed: float) -> Entry:
    """A session of which the router expected these P(correct), whoever answered in the end."""
    entry = cast(number, drawn=drawn, unit=number)
    order = ("openai/gpt-5", "bailian/qwen3-max") if drawn else ("bailian/qwen3-max", "openai/gpt-5")
    weighed = (
        Weighed("openai/gpt-5", "gpt-5", p_correct=p_baseline),
        Weighed("bailian/qwen3-max", "qwen3-max", p_correct=p_routed),
    )
    decision = Decision(order, weighed, "simulated", displaced="bailian/qwen3-max" if drawn else None)
    return msgspec.structs.replace(entry, decision=decision)


def test_quality_is_adjusted_by_what_was_expected_of_both_before_the_lot(tmp_path: Path) -> None:
    """Easy and hard requests, which the router tells apart: of that spread the adjusted interval is free."""
    chance = np.random.default_rng(41)
    entries, said = [], []
    for number in range(1500):
        drawn, easy = bool(chance.random() < 0.5), bool(chance.random() < 0.5)
        right = (0.95 if easy else 0.3) - (0.0 if drawn else 0.02)
        p = 0.9 if easy else 0.4
        entries.append(decided(number, drawn=drawn, p_baseline=p, p_routed=p - 0.02))
        score = float(chance.random() < right)
        said.append(Outcome(f"s{number}", entries[-1].id, 1, "user", "k", score))
    with open_sqlite(tmp_path) as store:
        store.insert(entries)
        store.insert_documents([], said)
        first = foreseen(store, trials_of(store.drawn()))[0]
        (found,) = measure_experiments(store)
    assert {first.baseline_p, first.routed_p} in ({0.9, 0.88}, {0.4, 0.38})
    gained = narrower(found.quality, found.plain_quality)
    assert gained is not None
    assert gained > 0.15
    assert found.quality is not None
    assert found.quality.low < -0.02 < found.quality.high
    assert not found.by_judges


def test_judges_stand_in_only_where_nobody_else_spoke(tmp_path: Path) -> None:
    entries = [cast(number, drawn=number % 2 == 0, unit=number) for number in range(2 * LEAST_OF_EACH)]
    judged = [Outcome(f"j{one.id}", one.id, 1, "judge", "m", 1.0) for one in entries]
    with open_sqlite(tmp_path) as store:
        store.insert(entries)
        store.insert_documents([], judged)
        (by_judges,) = measure_experiments(store)
        store.insert_documents([], [Outcome(f"u{one.id}", one.id, 1, "user", "k", 0.0) for one in entries])
        (by_people,) = measure_experiments(store)
    words = words_of("en")
    assert by_judges.by_judges
    assert words("experiment_judges", route="auto") in tabulate_experiments([by_judges])[0].notes
    assert not by_people.by_judges
    assert {one.outcome for one in trials_of_ledger(tmp_path)} == {0.0}


def trials_of_ledger(directory: Path) -> list[Trial]:
    with open_sqlite(directory) as store:
        return trials_of(store.drawn())


def test_sessions_whose_lot_was_certain_do_not_count() -> None:
    chance = np.random.default_rng(42)
    certain = [Trial(1.0, True, 50.0, 1.0, 1.0, 0.0)] * 200
    mixed = compare("auto", "b", [*certain, *sessions(2000, 0.2, chance)])
    assert mixed.fraction is not None
    assert mixed.quality is not None
    assert mixed.fraction.low < SAVING < mixed.fraction.high
    assert mixed.quality.low < LOSS < mixed.quality.high
