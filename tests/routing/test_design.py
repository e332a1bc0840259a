from __future__ import annotations

import msgspec
import numpy as np
import pytest

from entrepot.errors import DataError
from entrepot.routing.base import Outcomes, Prompt
from entrepot.routing.checks import made_up_outcomes
from entrepot.routing.design import build_design, tabulate
from entrepot.routing.features import read_prompts


def outcomes(rows: list[tuple[int, int, float, float]]) -> Outcomes:
    """Rows of prompt, model, correct, weight."""
    columns = np.array(rows).reshape(-1, 4)
    return Outcomes(
        prompts=(Prompt("one", 1), Prompt("two", 1)),
        models=("a", "b"),
        prompt=columns[:, 0].astype(np.int32),
        model=columns[:, 1].astype(np.int32),
        correct=columns[:, 2].astype(np.float32),
        output_tokens=np.full(len(rows), -1, np.float32),
        weight=columns[:, 3].astype(np.float32),
    )


def test_an_absent_pair_is_missing_and_not_zero() -> None:
    made = outcomes([(0, 0, 1, 1), (1, 1, 0, 1)])
    values, weight = tabulate(made, made.correct)
    assert np.isnan(values).tolist() == [[False, True], [True, False]]
    assert weight.tolist() == [[1, 0], [0, 1]]


def test_several_outcomes_of_a_pair_are_averaged_by_weight() -> None:
    made = outcomes([(0, 0, 1, 3), (0, 0, 0, 1)])
    values, weight = tabulate(made, made.correct)
    assert values[0, 0] == pytest.approx(0.75)
    assert weight[0, 0] == 4


def test_an_unknown_length_is_missing_too() -> None:
    _, design = build_design(outcomes([(0, 0, 1, 1), (1, 0, 1, 1)]), 2, 0)
    assert np.isnan(design.output_tokens).all()


def test_latent_is_what_the_loadings_make_of_the_rows() -> None:
    made = made_up_outcomes()
    featurizer, design = build_design(made, 20, 0)
    rows = featurizer.rows(*read_prompts(made.prompts))
    assert np.allclose(rows @ design.loadings, design.latent, atol=1e-4)
    assert (design.latent[:, -1] == 1).all()


def test_what_prompts_share_comes_before_what_is_their_own() -> None:
    _, design = build_design(made_up_outcomes(), 20, 0)
    spread = design.latent[:, :20].std(axis=0)
    assert spread[:2].max() > 5 * spread[-1]


def test_no_outcomes_is_an_error_that_says_so() -> None:
    with pytest.raises(DataError, match="no outcomes"):
        build_design(outcomes([]), 2, 0)


def test_prompts_without_a_word_are_described_by_numbers() -> None:
    prompts = tuple(Prompt(text="", input_tokens=0) for _ in range(30))
    blank = msgspec.structs.replace(made_up_outcomes(30), prompts=prompts)
    _, design = build_design(blank, 10, 0)
    assert np.isfinite(design.latent).all()
