from __future__ import annotations

from statistics import NormalDist

import pytest
from hypothesis import given
from hypothesis import strategies as st

from entrepot.statistics.student import student_quantile


@pytest.mark.parametrize(
    ("probability", "degrees", "table"),
    [  # NIST/SEMATECH e-Handbook of Statistical Methods, 1.3.6.7.2, critical values of Student's t
        (0.975, 1, 12.706),
        (0.975, 2, 4.303),
        (0.975, 5, 2.571),
        (0.975, 10, 2.228),
        (0.975, 30, 2.042),
        (0.975, 100, 1.984),
        (0.995, 4, 4.604),
        (0.90, 3, 1.638),
        (0.999, 10, 4.143),
    ],
)
def test_quantiles_are_those_of_the_published_table(probability: float, degrees: int, table: float) -> None:
    assert student_quantile(probability, degrees) == pytest.approx(table, abs=1e-3)


@given(st.floats(0.001, 0.999), st.integers(1, 500))
def test_the_distribution_is_symmetric_and_wider_than_the_normal(probability: float, degrees: int) -> None:
    t = student_quantile(probability, degrees)
    assert t == pytest.approx(-student_quantile(1 - probability, degrees), abs=1e-6)
    assert abs(t) >= abs(NormalDist().inv_cdf(probability)) - 1e-9


def test_many_degrees_of_freedom_are_normal() -> None:
    assert student_quantile(0.975, 1_000_000) == pytest.approx(NormalDist().inv_cdf(0.975), abs=1e-5)


@pytest.mark.parametrize(("probability", "degrees"), [(0.0, 5), (1.0, 5), (0.5, 0)])
def test_what_has_no_quantile_is_refused(probability: float, degrees: int) -> None:
    with pytest.raises(ValueError, match="no t quantile"):
        student_quantile(probability, degrees)
