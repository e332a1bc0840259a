from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from entrepot.canonical.request import Text
from entrepot.canonical.response import Choice, Response
from entrepot.routing.confidence import Confidence, fit_confidence, mean_logprob


def response(logprobs: Any) -> Response:
    return Response("id", "m", 0, (Choice(0, (Text("42"),), "stop", {"logprobs": logprobs}),))


def test_the_mean_is_that_of_the_answers_tokens() -> None:
    assert mean_logprob(response({"content": [{"logprob": -0.1}, {"logprob": -0.3}]})) == pytest.approx(-0.2)


@pytest.mark.parametrize(
    "told", [None, {}, {"content": None}, {"content": []}, {"content": [{"logprob": "x"}, {"logprob": 3.0}, 7]}, [1]]
)
def test_what_is_not_given_is_not_guessed(told: Any) -> None:
    assert mean_logprob(response(told)) is None
    assert mean_logprob(Response("id", "m", 0, ())) is None


def test_doubt_is_believed_further_than_confidence() -> None:
    line = Confidence()
    assert line.p_correct(0.6, None) == 0.6
    assert 0.6 < line.p_correct(0.6, 0.0) < 0.72
    assert line.p_correct(0.6, -5.0) < 0.1


@given(st.floats(0, 1), st.floats(-20, 0), st.floats(-20, 0))
def test_the_surer_the_likelier(p_before: float, one: float, other: float) -> None:
    low, high = sorted((one, other))
    line = Confidence()
    assert 0 < line.p_correct(p_before, low) <= line.p_correct(p_before, high) < 1


def test_a_line_is_learned_from_outcomes_that_recorded_log_probabilities() -> None:
    chance = np.random.default_rng(0)
    mean, p_before = -chance.exponential(0.4, 4000), chance.uniform(0.3, 0.9, 4000)
    at = np.log(p_before / (1 - p_before)) + 1.5 * (mean + 0.3)
    correct = (chance.random(4000) < 1 / (1 + np.exp(-at))).astype(np.float64)
    found = fit_confidence(p_before, mean, correct)
    assert found.slope == pytest.approx(1.5, abs=0.3)
    assert found.usual == pytest.approx(-0.3, abs=0.12)
