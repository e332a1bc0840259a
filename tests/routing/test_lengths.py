from __future__ import annotations

import numpy as np
import pytest

from entrepot.routing.design import Design
from entrepot.routing.lengths import Lengths, fit_lengths


@pytest.fixture(scope="module")
def fitted() -> Lengths:
    """Answers of e^(4 + feature) tokens from a terse model, three times as many from a verbose one, and a silent model."""
    chance = np.random.default_rng(2)
    feature = chance.standard_normal(2000)
    terse = np.exp(4 + feature + 0.1 * chance.standard_normal(2000))
    tokens = np.column_stack([terse, 3 * terse, np.full(2000, np.nan)])
    tokens[:1000, 1] = np.nan
    return fit_lengths(
        Design(
            models=("terse", "verbose", "silent"),
            rows=np.column_stack([feature, np.ones(2000)]).astype(np.float32),
            latent=np.column_stack([feature, np.ones(2000)]),
            loadings=np.eye(2, dtype=np.float32),
            correct=np.ones(tokens.shape),
            output_tokens=tokens,
            weight=(~np.isnan(tokens)).astype(np.float64),
        )
    )


def test_learns_the_prompts_share_and_the_models_habit(fitted: Lengths) -> None:
    logs = fitted.logs(np.array([[0.0, 1.0], [1.0, 1.0]]))
    assert logs[:, 0] == pytest.approx([4, 5], abs=0.1)
    assert logs[:, 1] - logs[:, 0] == pytest.approx(np.log([3, 3]), abs=0.1)


def test_a_model_without_lengths_is_as_long_as_the_others_and_less_sure(fitted: Lengths) -> None:
    logs = fitted.logs(np.array([[0.0, 1.0]]))[0]
    assert logs[0] - 1 < logs[2] < logs[1] + 1
    assert logs[3] == pytest.approx(logs[2], abs=1)
    assert fitted.log_errors[2] > fitted.log_errors[0]
