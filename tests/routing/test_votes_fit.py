from __future__ import annotations

import numpy as np
import pytest

from entrepot.routing.votes import SHIPPED_VOTES, Belief, Habits, right_at
from entrepot.routing.votes_fit import FEWEST_PROMPTS, Said, fit_votes

TRUE = Habits(temper=1.4, shift=0.2, spread=1.8, scatter=3.0)


def answered(prompts: int, habits: Habits = TRUE, seed: int = 0) -> list[list[Said]]:
    """What five models say where they behave by these habits."""
    chance = np.random.default_rng(seed)
    found = []
    for _ in range(prompts):
        hardness = chance.normal()
        said, wrong = list[Said](), list[int]()
        for p_correct in chance.uniform(0.3, 0.9, 5):
            at = habits.temper * np.log(p_correct / (1 - p_correct)) + habits.shift + habits.spread * hardness
            if chance.random() < 1 / (1 + np.exp(-at)):
                said.append(Said(float(p_correct), 0, True))
                continue
            new = chance.random() < habits.scatter / (habits.scatter + len(wrong))
            wrong.append(len(wrong) + 1 if new else int(chance.choice(wrong)))
            said.append(Said(float(p_correct), wrong[-1], False))
        found.append(said)
    return found


def test_the_habits_behind_what_was_said_are_found_again() -> None:
    model = fit_votes({"number": answered(400)}, "made up")
    found = model.of("number")
    assert found.temper == pytest.approx(TRUE.temper, rel=0.35)
    assert found.shift == pytest.approx(TRUE.shift, abs=0.5)
    assert found.spread == pytest.approx(TRUE.spread, rel=0.35)
    assert 1.0 < found.scatter < 9.0
    assert model.source == "made up"
    assert model.line[0] == pytest.approx(1.0, abs=0.25)


def test_where_wrong_answers_meet_agreement_is_worth_less() -> None:
    meeting = fit_votes({"choice": answered(150, Habits(1.4, 0.2, 1.8, 0.3))}, "").of("choice")
    apart = fit_votes({"choice": answered(150, Habits(1.4, 0.2, 1.8, 20.0))}, "").of("choice")

    def agreed(habits: Habits) -> float:
        right = right_at(habits, 0.5)
        return Belief(habits).after(right, 0).after(right, 0).shares()[0]

    assert agreed(meeting) < agreed(apart)


def test_the_same_outcomes_give_the_same_model() -> None:
    assert fit_votes({"text": answered(150)}, "x", seed=3) == fit_votes({"text": answered(150)}, "x", seed=3)


def test_kinds_with_few_prompts_keep_the_shipped_habits() -> None:
    model = fit_votes({"number": answered(150), "choice": answered(FEWEST_PROMPTS - 1)}, "x")
    assert model.of("choice") == SHIPPED_VOTES.of("choice")
    assert model.of("number") != SHIPPED_VOTES.of("number")
    assert fit_votes({}, "x") == SHIPPED_VOTES
