from __future__ import annotations

import math
from pathlib import Path
from typing import get_args

import msgspec
import numpy as np
import pytest

from entrepot.exchange.records import Baseline, Entry
from entrepot.ledger.checks import sample_entry
from entrepot.ledger.sqlite import open_sqlite
from entrepot.ledger.store import Comparison, Period, Split, Unfinished
from entrepot.reports.render import Label
from entrepot.reports.savings import (
    ASSUMED_BIAS,
    LEAST_TRANSFER,
    MIN_DRAWN,
    MIN_PAIRS,
    SKEW_ALLOWANCE,
    Parts,
    combine,
    estimate_baseline,
    measure_savings,
    tabulate_savings,
)
from entrepot.reports.wording import Language, words_of
from entrepot.statistics.intervals import RatioSums, normal_quantile, ratio_sums
from entrepot.statistics.student import student_quantile

NANO = 1_000_000_000
NOTHING = Unfinished()


def comparison(
    *,
    cost_usd: float = 1.0,
    measured_usd: tuple[float, ...] = (),
    predicted_usd: tuple[float, ...] = (),
    drawn: int = 0,
    estimated_usd: tuple[float, ...] = (),
    error_usd: float = 0.0,
    model: str | None = "gpt-5",
) -> Comparison:
    """One baseline; `error_usd` is that of every estimated exchange, the first `drawn` of the measured ones were by lot."""
    return Comparison(
        baseline_deployment=None if model is None else f"openai/{model}",
        baseline_model=model,
        exchanges=len(measured_usd) + len(estimated_usd),
        cost_nano_usd=round(cost_usd * NANO),
        measured=len(measured_usd),
        measured_nano_usd=round(sum(measured_usd) * NANO),
        estimated_nano_usd=round(sum(estimated_usd) * NANO),
        error_usd2=len(estimated_usd) * error_usd**2,
        pairs=ratio_sums(measured_usd, predicted_usd) if predicted_usd else RatioSums(),
        drawn=ratio_sums(measured_usd[:drawn], predicted_usd[:drawn]) if drawn else RatioSums(),
        thrown_away_nano_usd=0,
        unknown_cost=0,
    )


def test_without_a_named_baseline_no_saving_is_stated() -> None:
    savings = combine([comparison(estimated_usd=(1.0,), model=None)], NOTHING)
    assert (savings.baseline, savings.saving, savings.fraction) == (None, None, None)
    assert savings.without_baseline == 1
    assert "names its baseline" in tabulate_savings(savings).notes[0]


def test_a_baseline_that_was_named_is_not_said_to_be_missing() -> None:
    named = msgspec.structs.replace(comparison(cost_usd=0.0), unknown_cost=3)
    savings = combine([named], NOTHING)
    assert savings.baseline is None
    assert savings.unknown_cost == 3
    note, *_ = tabulate_savings(savings).notes
    assert "at a known cost" in note
    assert "no route" not in note


def test_what_the_baseline_answered_itself_is_exact() -> None:
    savings = combine([comparison(cost_usd=5.0, measured_usd=(2.0, 3.0))], NOTHING)
    assert savings.saving is not None
    assert (savings.saving.nano_usd, savings.saving.low_nano_usd, savings.saving.high_nano_usd) == (0, 0, 0)
    assert savings.fraction == (0.0, 0.0, 0.0)


def test_independent_errors_add_up_by_their_squares() -> None:
    part = estimate_baseline(comparison(estimated_usd=(1.0,) * 100, error_usd=0.3))
    assert part.independent_usd == pytest.approx(3.0)


def test_without_enough_pairs_nothing_is_corrected_and_the_assumed_bias_is_allowed_for() -> None:
    few = (2.0,) * (MIN_PAIRS - 1)
    part = estimate_baseline(comparison(measured_usd=few, predicted_usd=few, estimated_usd=(1.0,) * 100))
    assert not part.corrected
    assert part.factor == 1.0
    assert part.systematic_usd == pytest.approx(100 * ASSUMED_BIAS / math.sqrt(3))


def test_with_enough_pairs_the_estimate_is_corrected_by_what_they_show() -> None:
    part = estimate_baseline(
        comparison(measured_usd=(3.0,) * MIN_PAIRS, predicted_usd=(2.0,) * MIN_PAIRS, estimated_usd=(1.0,) * 100)
    )
    assert part.corrected
    assert part.factor == pytest.approx(1.5)
    assert part.nano_usd == MIN_PAIRS * 3 * NANO + 150 * NANO
    assert part.systematic_usd == pytest.approx(100 * 0.5 / math.sqrt(3))  # the pairs agree: only transfer is uncertain


def test_even_predictions_that_were_right_are_not_trusted_without_allowance() -> None:
    right = (2.0,) * MIN_PAIRS
    part = estimate_baseline(comparison(measured_usd=right, predicted_usd=right, estimated_usd=(1.0,) * 100))
    assert part.systematic_usd == pytest.approx(100 * LEAST_TRANSFER / math.sqrt(3))


def test_what_a_lot_gave_to_the_baseline_is_trusted_as_far_as_its_own_spread() -> None:
    by_lot, by_router = (1.2,) * MIN_DRAWN, (3.0,) * 200
    part = estimate_baseline(
        comparison(
            measured_usd=by_lot + by_router,
            predicted_usd=(1.0,) * (MIN_DRAWN + 200),
            estimated_usd=(1.0,) * 100,
            drawn=MIN_DRAWN,
        )
    )
    assert part.by_lot
    assert part.factor == pytest.approx(1.2)  # the router's own picks say 3, and are not asked
    assert part.systematic_usd == pytest.approx(0.0, abs=1e-6)
    assert part.independent_usd == pytest.approx(0.0, abs=1e-6)  # those of the lot did not vary


def test_pairs_picked_by_lot_need_no_allowance_for_who_picked_them() -> None:
    measured = tuple(2.0 + 0.5 * (-1) ** number for number in range(MIN_DRAWN))
    predicted = (1.0,) * MIN_DRAWN
    part = estimate_baseline(
        comparison(measured_usd=measured, predicted_usd=predicted, estimated_usd=(1.0,) * 100, drawn=MIN_DRAWN)
    )
    assert part.by_lot
    assert part.factor == pytest.approx(2.0)
    widened = SKEW_ALLOWANCE * student_quantile(0.975, MIN_DRAWN - 1) / normal_quantile(0.95)
    spread = 0.5 * math.sqrt(MIN_DRAWN / (MIN_DRAWN - 1)) * widened
    assert part.independent_usd == pytest.approx(10 * spread)
    assert part.systematic_usd == pytest.approx(100 * spread / math.sqrt(MIN_DRAWN))


def test_the_spread_that_was_seen_replaces_the_routers_word() -> None:
    measured = tuple(2.0 + 0.5 * (-1) ** number for number in range(MIN_DRAWN))
    drawn = comparison(
        measured_usd=measured, predicted_usd=(1.0,) * MIN_DRAWN, estimated_usd=(1.0,) * 100, drawn=MIN_DRAWN
    )
    doubtful = msgspec.structs.replace(drawn, error_usd2=100 * 50.0**2)
    assert estimate_baseline(doubtful) == estimate_baseline(drawn)


def test_a_lot_that_drew_too_few_is_not_asked() -> None:
    pairs = (2.0,) * (MIN_DRAWN - 1)
    part = estimate_baseline(
        comparison(measured_usd=pairs, predicted_usd=pairs, estimated_usd=(1.0,), drawn=MIN_DRAWN - 1)
    )
    assert (part.by_lot, part.corrected, part.factor) == (False, False, 1.0)


@pytest.mark.parametrize("holdout", [0.05, 0.2])
def test_the_interval_from_a_lot_covers_whatever_the_bias(holdout: float) -> None:
    """Predictions off by a factor of up to three; a lot gives some of 600 exchanges to the baseline. Costs are
    skewed and the lot is small (about 30 or 120), where the spread seen in it would be too little by itself."""
    chance = np.random.default_rng(8)
    covered, runs, spread = 0, 600, 0.6
    for _ in range(runs):
        predicted = chance.lognormal(0.0, 1.0, 600) * 0.01
        real = predicted * math.exp(chance.uniform(-1.1, 1.1)) * chance.lognormal(-(spread**2) / 2, spread, 600)
        drawn = chance.random(600) < holdout
        part = comparison(
            measured_usd=tuple(real[drawn]),
            predicted_usd=tuple(predicted[drawn]),
            estimated_usd=tuple(predicted[~drawn]),
            drawn=int(drawn.sum()),
            error_usd=math.sqrt(float((predicted[~drawn] ** 2).mean()) * math.expm1(spread**2)),
        )
        baseline = combine([part], NOTHING).baseline
        assert baseline is not None
        covered += baseline.low_nano_usd <= real.sum() * NANO <= baseline.high_nano_usd
    assert 0.92 <= covered / runs <= 0.985


def test_the_baseline_never_cost_less_than_what_was_measured_of_it() -> None:
    savings = combine([comparison(cost_usd=0.1, measured_usd=(4.0,), estimated_usd=(0.5,), error_usd=3.0)], NOTHING)
    assert savings.baseline is not None
    assert savings.baseline.low_nano_usd == 4 * NANO


def test_two_baselines_err_together() -> None:
    part = comparison(estimated_usd=(100.0,))
    one = combine([part], NOTHING).baseline
    two = combine([part, msgspec.structs.replace(part, baseline_model="claude")], NOTHING).baseline
    assert one is not None
    assert two is not None
    assert two.high_nano_usd - two.nano_usd == pytest.approx(2 * (one.high_nano_usd - one.nano_usd), rel=1e-6)


def test_what_did_not_complete_counts_as_cost_and_saves_nothing() -> None:
    part = comparison(cost_usd=1.0, estimated_usd=(3.0,))
    with_loss = combine([part], Unfinished(2, NANO // 2, 1))
    without = combine([part], NOTHING)
    assert with_loss.saving is not None
    assert without.saving is not None
    assert without.saving.nano_usd - with_loss.saving.nano_usd == NANO // 2
    assert with_loss.unknown_cost == 1


def test_a_routing_that_costs_more_than_the_baseline_shows_a_loss() -> None:
    savings = combine([comparison(cost_usd=6.0, estimated_usd=(3.0,))], NOTHING)
    assert savings.saving is not None
    assert savings.fraction is not None
    assert savings.saving.nano_usd == -3 * NANO
    assert savings.fraction[0] == pytest.approx(-1.0)


def test_a_baseline_that_costs_nothing_has_no_fraction() -> None:
    assert combine([comparison(cost_usd=1.0, estimated_usd=(0.0,))], NOTHING).fraction is None


@pytest.mark.parametrize("drawn", [0, MIN_PAIRS])
def test_a_baseline_that_is_free_and_often_answered_is_no_division_by_zero(drawn: int) -> None:
    free = (0.0,) * MIN_PAIRS
    part = comparison(cost_usd=1.0, measured_usd=free, predicted_usd=free, drawn=drawn, estimated_usd=(0.0, 0.0))
    savings = combine([part], NOTHING)
    assert savings.saving is not None
    assert (savings.saving.nano_usd, savings.saving.low_nano_usd, savings.saving.high_nano_usd) == (-NANO, -NANO, -NANO)
    assert savings.fraction is None
    assert tabulate_savings(savings).rows


@pytest.mark.parametrize("share_measured", [0.0, 0.01, 0.2])
def test_the_interval_covers_the_truth_while_the_predictions_are_biased_within_what_is_assumed(
    share_measured: float,
) -> None:
    """Lengths are log-normal around a prediction that is off by a common factor drawn from the assumed range; what the
    baseline answers is longer than the rest, and its factor is off from that of the rest."""
    chance = np.random.default_rng(7)
    covered, runs, spread = 0, 400, 0.6
    for _ in range(runs):
        factor = 1 + chance.uniform(-ASSUMED_BIAS, ASSUMED_BIAS)
        predicted = chance.lognormal(0.0, 1.0, 600) * 0.01
        hard = chance.random(600) < share_measured * np.where(predicted > np.median(predicted), 1.5, 0.5)
        # The factor of what was measured lies between none and that of the rest: no better a witness than is assumed.
        own = np.where(hard, 1 + (factor - 1) * chance.uniform(0.5, 1.0), factor)
        real = predicted * own * chance.lognormal(-(spread**2) / 2, spread, 600)
        error = math.sqrt(float((predicted[~hard] ** 2).mean()) * math.expm1(spread**2))
        part = comparison(
            cost_usd=1.0,
            measured_usd=tuple(real[hard]),
            predicted_usd=tuple(predicted[hard]),
            estimated_usd=tuple(predicted[~hard]),
            error_usd=error,
        )
        baseline = combine([part], NOTHING).baseline
        assert baseline is not None
        covered += baseline.low_nano_usd <= real.sum() * NANO <= baseline.high_nano_usd
    assert covered / runs >= 0.93


def routed(number: int, **changes: object) -> Entry:
    return msgspec.structs.replace(sample_entry(number), **changes)


def test_savings_are_measured_from_the_ledger_over_a_period(tmp_path: Path) -> None:
    measured = Baseline("openai/gpt-5", "gpt-5", 8_000, 0, measured=True)
    entries = [
        *(routed(number) for number in range(10)),
        routed(10, baseline=measured, cost_nano_usd=8_000),
        routed(11, cost_nano_usd=None),
        routed(12, state="failed", baseline=None, cost_nano_usd=300),
        routed(13, baseline=None, route=None),
    ]
    with open_sqlite(tmp_path) as store:
        store.insert(entries)
        savings = measure_savings(store)
        first = measure_savings(store, Period(until_ns=entries[5].started_ns))
    assert savings.exchanges == 11
    assert savings.cost_nano_usd == sum(1_000 + number for number in range(10)) + 8_000 + 300
    assert savings.baseline is not None
    assert savings.baseline.nano_usd == 10 * 9_000 + 8_000
    assert (savings.unknown_cost, savings.unfinished, savings.without_baseline) == (1, 1, 1)
    assert (first.exchanges, first.unfinished) == (5, 0)


@pytest.mark.parametrize("language", get_args(Language))
def test_the_table_says_what_was_assumed_and_left_out(language: Language) -> None:
    words = words_of(language)
    lossy = msgspec.structs.replace(comparison(estimated_usd=(3.0,)), unknown_cost=4, thrown_away_nano_usd=50_000_000)
    table = tabulate_savings(
        combine([lossy, comparison(model=None, estimated_usd=(1.0,))], Unfinished(2, NANO, 0)), words
    )
    expected = [
        words("estimated_assumed", model="gpt-5", measured=0, estimated=1, assumed="25%", least=MIN_PAIRS),
        words("assumed"),
        words("parts_how"),
        words("thrown_away", usd="$0.050000"),
        words("unfinished", count=2, usd="$1.000000"),
        words("unknown_excluded", count=4),
        words("without_baseline", count=1),
    ]
    assert list(table.notes) == expected
    figures = [row[0].name for row in table.rows if isinstance(row[0], Label)]
    assert figures[:5] == ["exchanges_compared", "cost", "baseline_cost", "saving", "saving_fraction"]


def test_a_corrected_estimate_says_by_how_much() -> None:
    part = comparison(measured_usd=(3.0,) * 40, predicted_usd=(2.0,) * 40, estimated_usd=(1.0,))
    (note, *_) = tabulate_savings(combine([part], NOTHING)).notes
    assert "40 real answers cost 1.500 times what was predicted" in note
    assert "±50% more" in note


def test_the_parts_of_a_saving_add_up_to_it() -> None:
    split = Split(3, 9 * NANO, 7 * NANO, 8 * NANO, 3 * NANO, 2 * NANO)
    part = msgspec.structs.replace(
        comparison(cost_usd=2.5, estimated_usd=(3.0,) * 3), split=split, thrown_away_nano_usd=NANO // 2
    )
    savings = combine([part], Unfinished(1, NANO // 4, 0))
    assert savings.parts == Parts(5 * NANO, 2 * NANO, 0, -NANO // 2, -NANO // 4, 0)
    assert savings.saving is not None
    assert sum(msgspec.structs.astuple(savings.parts)) == savings.saving.nano_usd
    figures = [row[0].name for row in tabulate_savings(savings).rows if isinstance(row[0], Label)]
    assert figures[-5:] == ["part_price", "part_length", "part_cache", "part_in_vain", "part_unfinished"]


def test_a_correction_of_the_prediction_is_a_matter_of_length() -> None:
    split = Split(100, 100 * NANO, 80 * NANO, 80 * NANO, 10 * NANO, 10 * NANO)
    pairs = (3.0,) * MIN_PAIRS
    part = comparison(
        cost_usd=10 + 3 * MIN_PAIRS, measured_usd=pairs, predicted_usd=(2.0,) * MIN_PAIRS, estimated_usd=(1.0,) * 100
    )
    savings = combine([msgspec.structs.replace(part, split=split)], NOTHING)
    assert savings.parts is not None
    assert (savings.parts.length, savings.parts.price, savings.parts.rest) == (150 * NANO - 80 * NANO, 70 * NANO, 0)


def test_what_was_never_taken_apart_is_told_as_such() -> None:
    savings = combine([comparison(cost_usd=1.0, estimated_usd=(3.0,))], NOTHING)
    assert savings.parts == Parts(0, 0, 0, 0, 0, 2 * NANO)
