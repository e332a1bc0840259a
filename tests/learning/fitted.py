"""A small router, fitted on outcomes that are made up."""

from __future__ import annotations

from functools import cache

from entrepot.learning.outcomes import Dataset
from entrepot.learning.train import train
from entrepot.routing.artifact import Artifact
from entrepot.routing.checks import made_up_outcomes


def a_dataset(prompts: int = 60) -> Dataset:
    outcomes = made_up_outcomes(prompts)
    ids = tuple(str(number) for number in range(prompts))
    return Dataset(outcomes, ids, ("",) * prompts, ("",) * prompts)


@cache
def an_artifact() -> Artifact:
    return train(a_dataset(), scores={}, aliases={}, window="w", sources=("s",), fitted_on="2026-11-20").artifact
