from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np
import pytest

from entrepot.exchange.outcome import Outcome
from entrepot.exchange.records import Baseline, Entry, Expected, Vote
from entrepot.ledger.checks import SAMPLE_SERVED, sample_entry
from entrepot.ledger.sqlite import open_sqlite
from entrepot.ledger.store import Judged
from entrepot.reports.quality import Quality, calibrate, compare_by_band, measure_quality, tabulate_quality
from entrepot.reports.wording import words_of

DEAR = msgspec.structs.replace(
    SAMPLE_SERVED, deployment="openai/gpt-5", model="gpt-5", maker="openai", maker_country="US"
)


def answered(number: int, right: bool, p: float, reference: float, *, by_baseline: bool = False) -> Entry:
    """A checked exchange of which `p` was expected, and `reference` of the reference."""
    entry = sample_entry(number)
    vote = Vote(source="check", check="passed" if right else "failed")
    attempt = msgspec.structs.replace(entry.attempts[0], vote=vote)
    changes: dict[str, object] = {"attempts": (attempt,), "expected": Expected(p, reference, max(p, reference))}
    if by_baseline:
        changes |= {"served": DEAR, "baseline": Baseline("openai/gpt-5", "gpt-5", 9_000, 0, measured=True)}
    return msgspec.structs.replace(entry, **changes)


def traffic(chance: np.random.Generator, count: int) -> list[Entry]:
    """Hard ones go to the baseline more often; it is right 2 points more often on easy and 10 on hard ones."""
    entries = []
    for number in range(count):
        hard = chance.random() < 0.4
        by_baseline = chance.random() < (0.6 if hard else 0.1)
        rate = (0.6 if hard else 0.95) + (0.0 if not by_baseline else 0.1 if hard else 0.02)
        p, reference = (0.6, 0.7) if hard else (0.95, 0.97)
        right = bool(chance.random() < rate)
        entries.append(answered(number, right, reference if by_baseline else p, reference, by_baseline=by_baseline))
    return entries


def measured(directory: Path, entries: list[Entry]) -> Quality:
    with open_sqlite(directory) as store:
        store.insert(entries)
        return measure_quality(store)


def test_like_is_compared_with_like(tmp_path: Path) -> None:
    """Plain means would say that routing is 14 points better, because it was given the easy ones."""
    entries = traffic(np.random.default_rng(5), 6000)
    (route,) = measured(tmp_path, entries).kept["route"]
    assert route.value == "auto"
    assert route.routed.mean > route.baseline.mean + 0.05
    easy, hard = 0.6 * 0.9, 0.4 * 0.4
    truth = -(0.02 * easy + 0.1 * hard) / (easy + hard)
    assert route.difference is not None
    assert route.difference.low <= truth <= route.difference.high
    assert route.difference.high - route.difference.low < 0.08


def test_the_difference_by_bands_covers_the_truth() -> None:
    chance = np.random.default_rng(7)
    routed_rates, own_rates = {"easy": 0.95, "medium": 0.8, "hard": 0.5}, {"easy": 0.97, "medium": 0.85, "hard": 0.6}
    routed_counts, own_counts = {"easy": 300, "medium": 120, "hard": 40}, {"easy": 60, "medium": 60, "hard": 80}
    truth = sum(routed_counts[band] * (routed_rates[band] - own_rates[band]) for band in routed_rates) / 460

    def told(band: str, count: int, rate: float) -> Judged:
        right = float(chance.binomial(count, rate))
        return Judged("auto", "a/m", "m", "CN", None, band, None, "check", count, right, right, 0, 0.0, 0.0)

    covered, runs = 0, 600
    for _ in range(runs):
        routed = [told(band, routed_counts[band], rate) for band, rate in routed_rates.items()]
        own = [told(band, own_counts[band], rate) for band, rate in own_rates.items()]
        found = compare_by_band(routed, own, 0.95)
        assert found is not None
        covered += found.low <= truth <= found.high
    assert 0.92 <= covered / runs <= 0.98


def test_difficulties_stand_in_their_order_with_their_own_differences(tmp_path: Path) -> None:
    kept = measured(tmp_path, traffic(np.random.default_rng(2), 3000)).kept
    assert [one.value for one in kept["difficulty"]] == ["easy", "medium"]
    assert [one.value for one in kept["language"]] == [None]
    models = {one.value: one for one in kept["model"]}
    assert models["qwen3-max"].difference is not None
    assert models["gpt-5"].difference is None


def test_a_router_that_means_what_it_says_is_calibrated_and_one_that_boasts_is_not(tmp_path: Path) -> None:
    chance = np.random.default_rng(3)
    honest = [answered(n, bool(chance.random() < p), float(p), 0.9) for n, p in enumerate(chance.uniform(0, 1, 3000))]
    (found,) = measured(tmp_path / "honest", honest).calibrations
    assert found.count == 3000
    assert len(found.tenths) == 10
    assert found.error < 0.04
    assert all(tenth.observed.low - 0.05 <= tenth.expected <= tenth.observed.high + 0.05 for tenth in found.tenths)
    boasting = [answered(n, bool(chance.random() < 0.5), 0.95, 0.9) for n in range(500)]
    (found,) = measured(tmp_path / "boasting", boasting).calibrations
    assert found.error == pytest.approx(0.45, abs=0.07)


def test_votes_calibrate_nothing() -> None:
    vote = Judged("auto", "a/m", "m", "CN", None, "easy", 9, "agreement", 5, 4.5, 4.1, 5, 4.5, 4.5)
    assert calibrate([vote], "agreement") is None
    assert calibrate([], "check") is None


def test_regret_is_what_was_given_up_by_the_routers_own_word(tmp_path: Path) -> None:
    entries = [answered(0, True, 0.7, 0.9), answered(1, True, 0.9, 0.8)]
    (regret,) = measured(tmp_path, entries).regrets
    assert (regret.route, regret.exchanges) == ("auto", 2)
    assert regret.best - regret.chosen == pytest.approx(0.1)
    assert regret.against_reference == pytest.approx(-0.05)


def test_feedback_is_a_source_of_its_own(tmp_path: Path) -> None:
    with open_sqlite(tmp_path) as store:
        store.insert([answered(0, True, 0.9, 0.9)])
        store.insert_documents([], [Outcome("f", sample_entry(0).id, 1, "user", "k", 0.25)])
        quality = measure_quality(store)
    assert [(one.source, one.routed.mean) for one in quality.kept["route"]] == [("user", 0.25), ("check", 1.0)]


@pytest.mark.parametrize("language", ["en", "zh"])
def test_tables_say_how_and_what_is_missing(tmp_path: Path, language: str) -> None:
    words = words_of("zh" if language == "zh" else "en")
    tables = tabulate_quality(measured(tmp_path / "some", traffic(np.random.default_rng(4), 200)), words)
    names = [table.name for table in tables]
    assert names == [
        *("quality_by_route", "quality_by_language", "quality_by_difficulty", "quality_by_model"),
        *("calibration", "regret"),
    ]
    assert words("kept_how") in tables[0].notes
    (empty,) = tabulate_quality(measured(tmp_path / "none", [sample_entry(0)]), words)
    assert empty.notes == (words("no_outcomes"),)
