from __future__ import annotations

import msgspec
import numpy as np

from entrepot.routing.checks import made_up_outcomes
from entrepot.routing.design import build_design
from entrepot.routing.ease import fit_ease


def test_prompts_that_most_models_solve_are_easier() -> None:
    design = build_design(made_up_outcomes(120), 30, 0)[1]
    ease = design.rows @ fit_ease(design)
    assert ease[0::2].mean() > ease[1::2].mean() + 0.5


def test_a_prompt_is_no_easier_for_being_answered_by_better_models_alone() -> None:
    design = build_design(made_up_outcomes(120), 30, 0)[1]
    weight, correct = design.weight.copy(), design.correct.copy()
    # the weak model is asked the hard prompts and three easy ones: those left to the strong model must not look hard
    weight[6::2, 1], correct[6::2, 1] = 0, np.nan
    ease = design.rows @ fit_ease(msgspec.structs.replace(design, weight=weight, correct=correct))
    assert ease[0::2].mean() > ease[1::2].mean()
