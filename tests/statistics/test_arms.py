"""Differences of two arms have the true difference for their mean, whatever was predicted, and stay between their ends."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from entrepot.statistics.arms import arm_costs, arm_differences, arm_span, difference_variance, paired_differences
from entrepot.statistics.betting import Horizon, first_crossing, log_capital

UNITS = 200_000


def drawn(share: float, new: float, running: float, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Arms, outcomes and how easy each unit was (which both arms share)."""
    chance = np.random.default_rng(seed)
    easy = chance.random(UNITS) < 0.5
    rate = np.where(easy, 0.95, 0.55)
    a = chance.random(UNITS) < share
    y = (chance.random(UNITS) < rate + np.where(a, new, running)).astype(float)
    return a, y, rate


@pytest.mark.parametrize("share", [0.5, 0.05])
@pytest.mark.parametrize("prediction", ["none", "good", "useless", "inverted"])
def test_the_mean_is_the_difference_whatever_was_predicted(share: float, prediction: str) -> None:
    a, y, rate = drawn(share, -0.04, 0.0, seed=5)
    useless = np.random.default_rng(6).random(UNITS)
    predicted = {"none": None, "good": (rate, rate), "useless": (useless, useless), "inverted": (1 - rate, 1 - rate)}
    found = arm_differences(a, share, y, predicted[prediction])
    error = float(found.values.std()) / UNITS**0.5
    assert abs(float(found.values.mean()) + 0.04) < 3.5 * error


@pytest.mark.parametrize("share", [0.5, 0.05])
def test_predictions_take_spread_away_and_useless_ones_add_nearly_none(share: float) -> None:
    a, y, rate = drawn(share, 0.0, 0.0, seed=7)
    useless = np.random.default_rng(8).random(UNITS)

    def spread(*predicted: np.ndarray) -> float:
        return float(arm_differences(a, share, y, (predicted[0], predicted[0]) if predicted else None).values.var())

    plain = spread()
    assert spread(rate) < 0.82 * plain  # the part of the variance that lies between easy and hard is 21 %
    assert spread(1 - rate) < 0.82 * plain  # the sign is fitted too
    assert spread(useless) < 1.005 * plain
    assert plain == pytest.approx(difference_variance(share, y.var(), y.var()), rel=0.03)


@given(
    y=arrays(np.float64, 25, elements=st.floats(0, 1)),
    a=arrays(np.bool_, 25),
    q=arrays(np.float64, (2, 25), elements=st.floats(0, 1)),
    share=st.floats(0.005, 0.995),
)
def test_no_difference_lies_outside_its_ends(y: np.ndarray, a: np.ndarray, q: np.ndarray, share: float) -> None:
    found = arm_differences(a, share, y, (q[0], q[1]))
    assert (found.low - 1e-9 <= found.values).all()
    assert (found.values <= found.high + 1e-9).all()
    assert (found.high - found.low >= 1).all()
    assert float(-found.low.min()) <= arm_span(share) + 1


@given(
    y=arrays(np.float64, 20, elements=st.floats(0, 1)),
    a=arrays(np.bool_, 20),
    q=arrays(np.float64, 20, elements=st.floats(0, 1)),
    adjusted=st.booleans(),
)
def test_the_ends_are_known_before_the_unit_came(y: np.ndarray, a: np.ndarray, q: np.ndarray, adjusted: bool) -> None:
    """Another lot, outcome and prediction of the last unit leave its ends where they were."""
    found = arm_differences(a, 0.2, y, (q, q) if adjusted else None)
    for values in (a, y, q):
        values[-1] = 1 - values[-1]
    other = arm_differences(a, 0.2, y, (q, q) if adjusted else None)
    assert other.low[-1] == pytest.approx(found.low[-1])
    assert other.high[-1] == pytest.approx(found.high[-1])


def test_who_is_worse_only_where_it_is_hard_is_still_tested_fairly() -> None:
    """A stake that followed what is predicted of a unit would bet on easy ones: nothing lost there, all of it elsewhere."""
    chance = np.random.default_rng(9)
    shape = (600, 400)
    hard = chance.random(shape) < 0.5
    rate = np.where(hard, 0.5, 1.0)
    a = chance.random(shape) < 0.5
    y = (chance.random(shape) < rate - 0.3 * (a & hard)).astype(float)
    differences = arm_differences(a, 0.5, y, (rate, rate))
    for above in (True, False):
        # laid out for ten values, so that nothing but the ends limits the stakes
        logs = log_capital(differences, -0.15, Horizon(10, 0.1), 0.05, above=above)
        assert np.mean(first_crossing(logs, 0.05) > 0) <= 0.075


def test_pairs_differ_by_what_the_new_one_has_more() -> None:
    found = paired_differences([1.0, 0.0, 0.5], [0.0, 1.0, 0.5])
    assert found.values.tolist() == [1.0, -1.0, 0.0]
    assert (found.low.tolist(), found.high.tolist()) == ([-1.0] * 3, [1.0] * 3)


def test_what_cannot_be_compared_is_refused() -> None:
    with pytest.raises(ValueError, match="strictly between"):
        arm_differences([True, False], [0.5, 1.0], [1.0, 1.0])
    with pytest.raises(ValueError, match="arms of shape"):
        arm_differences([True], 0.5, [1.0, 1.0])
    with pytest.raises(ValueError, match="between 0 and 1"):
        arm_differences([True], 0.5, [1.5])
    with pytest.raises(ValueError, match="between 0 and 1"):
        paired_differences([1.5], [0.0])
    with pytest.raises(ValueError, match="shapes"):
        paired_differences([1.0], [0.0, 1.0])
    with pytest.raises(ValueError, match="strictly between"):
        arm_span(1.0)
    with pytest.raises(ValueError, match="strictly between"):
        difference_variance(0.0)


def test_costs_of_arms_are_estimated_without_bias_and_predictions_take_spread_away() -> None:
    chance = np.random.default_rng(31)
    estimates, plain_spread, adjusted_spread = [], [], []
    for _ in range(200):
        size = chance.lognormal(0, 0.8, 2000)
        new = chance.random(2000) < 0.8
        cost = np.where(new, 0.3, 1.0) * size * chance.lognormal(-0.08, 0.4, 2000)
        adjusted = arm_costs(new, 0.8, cost, (7 * size, 20 * size))
        plain = arm_costs(new, 0.8, cost, None)
        estimates.append((adjusted.saved.mean(), adjusted.running.mean(), plain.saved.mean()))
        plain_spread.append(plain.saved.std())
        adjusted_spread.append(adjusted.saved.std())
    truth = float(np.exp(0.32))
    saved, running, without = np.mean(estimates, axis=0)
    assert saved == pytest.approx(0.7 * truth, rel=0.02)
    assert running == pytest.approx(truth, rel=0.02)
    assert without == pytest.approx(0.7 * truth, rel=0.02)
    assert np.mean(adjusted_spread) < 0.75 * np.mean(plain_spread)


def test_what_is_expected_of_a_unit_is_of_earlier_units_alone() -> None:
    chance = np.random.default_rng(32)
    new, cost, q = chance.random(50) < 0.5, chance.lognormal(0, 1, 50), chance.random(50)
    whole, part = (arm_costs(new[:n], 0.5, cost[:n], (q[:n], q[:n])) for n in (50, 30))
    assert np.allclose(whole.saved[:30], part.saved)
    with pytest.raises(ValueError, match="strictly"):
        arm_costs(new, 1.0, cost, None)
    with pytest.raises(ValueError, match="shape"):
        arm_costs(new[:3], 0.5, cost, None)
