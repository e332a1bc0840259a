from __future__ import annotations

import math
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from entrepot.statistics.quantiles import RELATIVE_ERROR, bucket_of, quantile, value_of


@given(st.floats(1.0, 1e12))
def test_a_value_read_back_is_within_the_error_promised(value: float) -> None:
    assert value_of(bucket_of(value)) == pytest.approx(value, rel=RELATIVE_ERROR * 1.0001)


@given(st.floats(-1e9, 1e12), st.floats(-1e9, 1e12))
def test_a_larger_value_never_falls_into_a_lower_bucket(one: float, other: float) -> None:
    low, high = sorted((one, other))
    assert bucket_of(low) <= bucket_of(high)


@given(st.lists(st.floats(1.0, 1e9), min_size=1, max_size=60), st.sampled_from([0.0, 0.5, 0.9, 0.99, 1.0]))
def test_a_quantile_is_within_the_error_of_the_exact_one(values: list[float], fraction: float) -> None:
    exact = sorted(values)[max(1, math.ceil(fraction * len(values))) - 1]
    assert quantile(Counter(map(bucket_of, values)), fraction) == pytest.approx(exact, rel=RELATIVE_ERROR * 1.0001)


def test_counts_of_two_hours_add_up_to_those_of_both() -> None:
    chance = np.random.default_rng(3)
    first, second = (Counter(map(bucket_of, chance.lognormal(6, 1, 500))) for _ in range(2))
    assert quantile(first + second, 0.99) == pytest.approx(
        quantile(Counter([*first.elements(), *second.elements()]), 0.99)
    )


def test_nothing_counted_has_no_quantile() -> None:
    assert math.isnan(quantile({}, 0.5))
