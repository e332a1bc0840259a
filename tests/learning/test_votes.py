from __future__ import annotations

import msgspec
import numpy as np

from entrepot.learning.outcomes import Dataset
from entrepot.learning.votes import kinds_of, learn_votes
from entrepot.routing.base import Outcomes
from entrepot.routing.votes import SHIPPED_VOTES
from tests.learning.test_halves import dataset


def told(*answers: tuple[str | None, ...]) -> Dataset:
    """Prompts, each with what models answered; the first model is always right."""
    base, models = dataset(*(f"题 {i}" for i in range(len(answers)))), len(answers[0])
    rows = [(i, j) for i in range(len(answers)) for j in range(models)]
    outcomes = Outcomes(
        base.outcomes.prompts,
        tuple(f"m{j}" for j in range(models)),
        np.array([i for i, _ in rows], np.int32),
        np.array([j for _, j in rows], np.int32),
        np.array([float(answers[i][j] == answers[i][0]) for i, j in rows], np.float32),
        np.ones(len(rows), np.float32),
        np.ones(len(rows), np.float32),
    )
    return msgspec.structs.replace(base, outcomes=outcomes, answers=tuple(answers[i][j] for i, j in rows))


def test_the_kind_of_a_prompt_is_that_of_most_of_its_answers() -> None:
    found = kinds_of(told(("12", "１２", "B"), ("B", "B", "C"), ("北京", None, "12"), (None, None, None)))
    assert found == ["number", "choice", "text", "text"]


def test_without_answers_or_with_few_the_shipped_model_stands() -> None:
    few = told(("1", "2"), ("3", "3"))
    assert learn_votes(few, np.full((2, 2), 0.5), ("m0", "m1"), "few") is SHIPPED_VOTES
    silent = msgspec.structs.replace(few, answers=())
    assert learn_votes(silent, np.full((2, 2), 0.5), ("m0", "m1"), "none") is SHIPPED_VOTES


def test_what_models_answered_moves_what_is_believed() -> None:
    chance = np.random.default_rng(0)
    answers = [
        ("1", *("1" if right else str(2 + n) for n, right in enumerate(chance.random(3) < 0.6))) for _ in range(120)
    ]
    data = told(*answers)
    model = learn_votes(data, np.full((120, 4), 0.7), ("m0", "m1", "m2", "m3"), "made up")
    assert model.source == "made up"
    assert model.of("number") != SHIPPED_VOTES.of("number")
    assert model.of("choice") == SHIPPED_VOTES.of("choice")
    # a column that nobody predicted is passed over
    assert learn_votes(data, np.full((120, 1), 0.7), ("m1",), "made up").source == "made up"
