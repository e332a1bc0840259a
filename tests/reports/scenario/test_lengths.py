"""How far lengths are off is learned from answers that were counted."""

from __future__ import annotations

import math

import pytest

from entrepot.reports.savings import ASSUMED_BIAS
from entrepot.reports.scenario.block import blocks
from entrepot.reports.scenario.lengths import Lengths, cost_error, measure_lengths
from tests.reports.scenario.office import HOSTS, IDS, Office, auto

MODELS = {one.id: one.model for one in HOSTS}


def test_a_model_that_writes_twice_what_was_expected_has_a_factor_of_two() -> None:
    office = Office(auto(sessions=False))
    for number in range(100):
        decided = office.ask(str(number))
        assert decided is not None
        expected = next(
            one.output_tokens for one in decided.decision.candidates if one.deployment == decided.decision.chosen
        )
        office.rewrite(wrote=round(2 * (expected or 0)))
    lengths = measure_lengths(list(blocks(office.decisions, {"auto": IDS})), MODELS)
    assert lengths.factors
    assert all(factor == pytest.approx(2, rel=0.01) for factor in lengths.factors.values())
    assert all(lengths.error(model) > 0.9 / math.sqrt(3) for model in lengths.factors)


def test_of_a_model_of_few_answers_nothing_is_corrected_and_much_allowed_for() -> None:
    office = Office(auto(sessions=False))
    office.ask("7")
    lengths = measure_lengths(list(blocks(office.decisions, {"auto": IDS})), MODELS)
    assert lengths.factor("flash") == 1.0
    assert lengths.error("flash") == pytest.approx(ASSUMED_BIAS / math.sqrt(3))


def test_errors_of_one_model_add_up_and_those_of_two_do_not_cancel() -> None:
    lengths = Lengths({}, {"a": 0.1, "b": 0.2}, {"a": 10.0})
    assert cost_error({"a": 3.0, "b": -1.0}, {"a": 0.04}, lengths) == pytest.approx(math.sqrt(0.09 + 0.04 + 4.0))
