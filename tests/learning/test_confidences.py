from __future__ import annotations

import msgspec
import numpy as np
import pytest

from entrepot.learning.confidences import LEAST_OUTCOMES, learn_confidence
from entrepot.learning.outcomes import Dataset
from entrepot.routing.base import Outcomes, Prompt
from entrepot.routing.confidence import DEFAULT_CONFIDENCE

MODELS = ("unheard", "told")


def a_dataset(count: int, slope: float = 4.0) -> Dataset:
    """One model on so many prompts, which is right the likelier the surer it is of its words."""
    chance = np.random.default_rng(1)
    mean = -chance.exponential(0.3, count)
    correct = (chance.random(count) < 1 / (1 + np.exp(-(0.5 + slope * (mean + 0.3))))).astype(np.float32)
    prompts = tuple(Prompt(text=f"{n}", input_tokens=1) for n in range(count))
    zeros = np.zeros(count, np.int32)
    ones = np.ones(count, np.float32)
    outcomes = Outcomes(prompts, ("told",), np.arange(count, dtype=np.int32), zeros, correct, ones, ones)
    blank = ("",) * count
    return Dataset(outcomes, tuple(map(str, range(count))), blank, blank, (), (), tuple(mean.tolist()))


def estimates(count: int) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    return np.full((count, 2), 1 / (1 + np.exp(-0.5)))


def test_the_line_behind_outcomes_is_found() -> None:
    found = learn_confidence(a_dataset(3000), estimates(3000), MODELS, "mine.jsonl")
    assert found is not None
    assert found.slope == pytest.approx(4.0, abs=0.6)
    assert found.usual == pytest.approx(-0.3, abs=0.05)
    assert found.source == "3,000 outcomes of mine.jsonl"
    assert found.p_correct(0.6, 0.0) > DEFAULT_CONFIDENCE.p_correct(
        0.6, 0.0
    )  # confidence is believed too, once learned


def test_what_is_not_told_is_passed_over_and_too_little_teaches_nothing() -> None:
    dataset = a_dataset(LEAST_OUTCOMES)
    enough = learn_confidence(dataset, estimates(LEAST_OUTCOMES), MODELS, "x")
    assert enough is not None
    one_less = msgspec.structs.replace(dataset, mean_logprobs=(float("nan"), *dataset.mean_logprobs[1:]))
    assert learn_confidence(one_less, estimates(LEAST_OUTCOMES), MODELS, "x") is None
    assert learn_confidence(msgspec.structs.replace(dataset, mean_logprobs=()), estimates(100), MODELS, "x") is None
    assert learn_confidence(dataset, estimates(LEAST_OUTCOMES), ("another", "third"), "x") is None


def test_answers_that_are_all_right_teach_nothing() -> None:
    dataset = a_dataset(500)
    right = msgspec.structs.replace(dataset.outcomes, correct=np.ones(500, np.float32))
    assert learn_confidence(msgspec.structs.replace(dataset, outcomes=right), estimates(500), MODELS, "x") is None


def test_they_stay_with_their_outcomes_when_prompts_or_outcomes_are_left_out() -> None:
    dataset = a_dataset(6)
    told = dataset.mean_logprobs
    assert dataset.only(np.array([4, 1])).mean_logprobs == (told[1], told[4])
    assert dataset.without(np.array([0, 5])).mean_logprobs == told[1:5]
