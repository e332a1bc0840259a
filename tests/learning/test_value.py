from __future__ import annotations

import numpy as np
import pytest

from entrepot.learning.outcome_rows import OutcomeRow
from entrepot.learning.value import Value, best_of, measure_values, provable_loss
from entrepot.routing.guarantee import fewest_prompts, p_value_of


def rows(deployment: str, correct: list[float], cost: float | None = 0.01, ms: float = 100.0) -> list[OutcomeRow]:
    return [
        OutcomeRow(
            "b", str(n), deployment, each, "", 100, 50, deployment, cost, ms, "exact", "e", "2026-11-22T00:00:00Z"
        )
        for n, each in enumerate(correct)
    ]


def measured(*sides: list[OutcomeRow], reference: str | None = "ref", prompts: int = 10) -> dict[str, Value]:
    everyone = [row for side in sides for row in side]
    models = {row.deployment: row.model for row in everyone}
    return {value.deployment: value for value in measure_values(everyone, models, prompts, reference, 0.95)}


def test_quality_is_a_proportion_with_wilsons_interval() -> None:
    value = measured(rows("ref", [1.0] * 8 + [0.0] * 2))["ref"]
    assert value.quality.estimate == 0.8
    assert value.quality.low == pytest.approx(0.4902, abs=1e-4)
    assert value.quality.high == pytest.approx(0.9433, abs=1e-4)
    assert value.missing == 0
    assert value.difference is None


def test_graded_outcomes_have_students_interval_within_bounds() -> None:
    value = measured(rows("ref", [1.0, 0.5, 1.0, 1.0]), prompts=5)["ref"]
    assert value.quality.estimate == 0.875
    assert value.quality.high == 1.0
    assert value.missing == 1


def test_multiples_are_how_many_times_less_than_the_reference() -> None:
    found = measured(rows("ref", [1.0] * 10, 0.01, 200.0), rows("small", [1.0] * 9 + [0.0], 0.0002, 50.0))
    small = found["small"]
    assert small.cheaper == pytest.approx(50)
    assert small.faster == 4
    assert small.shorter == 1
    assert small.difference is not None
    assert small.difference.estimate == pytest.approx(-0.1)
    assert found["ref"].cheaper is None


def test_a_comparison_is_of_the_prompts_that_both_answered() -> None:
    found = measured(rows("ref", [1.0, 0.0]), rows("small", [1.0, 0.0, 0.0, 0.0]))
    assert found["small"].paired == 2
    assert found["small"].difference is not None
    assert found["small"].difference.estimate == 0


def test_a_cost_that_is_unknown_stays_unknown() -> None:
    found = measured(rows("ref", [1.0] * 3), rows("small", [1.0] * 3, None))
    assert found["small"].cost_usd is None
    assert found["small"].cheaper is None


def test_nobody_who_did_not_answer_is_the_best() -> None:
    found = measured(rows("a", [1.0, 0.0]), rows("b", [1.0, 1.0]), reference=None)
    assert best_of(list(found.values())) == "b"
    assert best_of([]) is None
    nothing = measure_values([], {"a": "a"}, 3, None, 0.95)
    assert best_of(nothing) is None
    assert nothing[0].missing == 3


def test_a_loss_that_is_ruled_out_is_the_least_that_the_test_of_promises_rules_out() -> None:
    losses = np.array([1.0] * 3 + [-1.0] + [0.0] * 56)
    found = provable_loss(losses, 0.95)
    assert found is not None
    assert p_value_of(losses, found) <= 0.05 < p_value_of(losses, found - 0.001)


def test_what_loses_everything_rules_nothing_out() -> None:
    assert provable_loss(np.ones(60), 0.95) is None


def test_two_points_take_hundreds_of_prompts_even_where_nothing_is_lost() -> None:
    found = fewest_prompts(0.02, 0.95)
    assert p_value_of(np.zeros(found), 0.02) <= 0.05 < p_value_of(np.zeros(found - 1), 0.02)
    assert found > 60
