from __future__ import annotations

import numpy as np

from entrepot.routing.design import Design
from entrepot.routing.linear import fit_heads


def design(correct: list[list[float]]) -> Design:
    table = np.array(correct)
    feature = np.array([1.0, -1.0] * (len(table) // 2))
    return Design(
        models=("a", "b"),
        rows=np.column_stack([feature, np.ones(len(table))]).astype(np.float32),
        latent=np.column_stack([feature, np.ones(len(table))]),
        loadings=np.array([[2.0, 0.0], [0.0, 1.0]], np.float32),
        correct=table,
        output_tokens=np.full(table.shape, np.nan),
        weight=(~np.isnan(table)).astype(np.float64),
    )


NAN = float("nan")


def test_each_model_is_learned_on_its_own_outcomes() -> None:
    heads = fit_heads(design([[1.0, 0.0], [0.0, 1.0]] * 40))
    logits = heads.logits(np.array([[1.0, 1.0]]))[0]
    assert logits[0] > 0.5
    assert logits[1] < -0.5


def test_what_a_model_did_not_answer_says_nothing() -> None:
    heads = fit_heads(design([[1.0, 0.0], [0.0, NAN]] * 40))
    assert heads.outcomes.tolist() == [80, 40]
    assert heads.logits(np.array([[-1.0, 1.0]]))[0, 0] < 0


def test_a_model_without_outcomes_has_a_head_of_zeros() -> None:
    heads = fit_heads(design([[1.0, NAN], [0.0, NAN]] * 10))
    assert not heads.weights[:, 1].any()


def test_folded_heads_give_the_same_logits_from_the_featurizers_columns() -> None:
    made = design([[1.0, 0.0], [0.0, 1.0]] * 10)
    heads = fit_heads(made)
    row = np.array([[0.5, 1.0]])
    assert np.allclose(heads.folded(made.loadings).logits(row), heads.logits(row @ made.loadings))


def test_heads_that_correct_a_good_estimate_add_little_and_a_model_with_few_outcomes_least() -> None:
    made = design([[1.0, 1.0], [0.0, NAN]] * 40)
    given = np.where(made.latent[:, :1] > 0, 3.0, -3.0) * np.ones(2)
    corrections = fit_heads(made, given).logits(made.latent)
    assert np.abs(corrections).max() < 1
    few = design([[1.0, 1.0], [0.0, NAN]] * 3)
    assert np.abs(fit_heads(few, given[:6]).logits(few.latent)).max() < 0.2
