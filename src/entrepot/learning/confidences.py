"""From recorded log-probabilities to how far they are believed: the line behind the strategy `confidence`.

Rules of this file: what was estimated before an answer must come from a fit that had not seen it, or log-probabilities would get
credit for what the router knew of that prompt alone.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from entrepot.learning.outcomes import Dataset
from entrepot.learning.pool import Doubles
from entrepot.routing.confidence import Confidence, fit_confidence

LEAST_OUTCOMES = 100
_LEAST_OF_EACH = 10  # right and wrong: of answers that are all right nothing can be learned but that they are
_RIGHT = 0.5


def learn_confidence(dataset: Dataset, p_correct: Doubles, models: Sequence[str], source: str) -> Confidence | None:
    """The line behind a dataset's outcomes; None where too few of them come with log-probabilities.

    `p_correct` (prompts, models) is cross-fitted, with its columns in the order of `models`; `source` names the data.
    """
    if not dataset.mean_logprobs:
        return None
    outcomes = dataset.outcomes
    column = {model: number for number, model in enumerate(models)}
    columns = np.array([column.get(model, -1) for model in outcomes.models])[outcomes.model]
    told = np.array(dataset.mean_logprobs)
    given = p_correct[outcomes.prompt, columns]
    rows = (columns >= 0) & ~np.isnan(told) & ~np.isnan(given)
    right = outcomes.correct[rows] >= _RIGHT
    if len(right) < LEAST_OUTCOMES or not _LEAST_OF_EACH <= right.sum() <= len(right) - _LEAST_OF_EACH:
        return None
    learned_from = f"{len(right):,} outcomes of {source}"
    return fit_confidence(
        given[rows].astype(np.float64), told[rows], outcomes.correct[rows].astype(np.float64), learned_from
    )
