"""A router moved to a company's own prompts by a few outcomes, where there are too few to fit one on them alone.

Fitted on 60 prompts alone a router may be worse than none: on parts of that size of ZeroEval one fit in three was without any
sense for them, while the same outcomes taken in by a router of other prompts gave the same figures each time; from 200 on a
fit of their own was better every time.

Rules of this file: what was known of prompts stays as it is; models the router does not know begin where their published
scores place them; then abilities and lengths move (`routing/absorb.py`).
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
import numpy as np

from entrepot.learning.outcomes import Dataset
from entrepot.learning.sample import predicted
from entrepot.routing.base import ModelFacts
from entrepot.routing.ensemble import EnsembleRouter
from entrepot.routing.rehearsal import Sample

FEW_PROMPTS = 200
_FOLDS = 5


def adapt(prior: EnsembleRouter, dataset: Dataset, facts: Mapping[str, ModelFacts]) -> EnsembleRouter:
    """`prior` with the outcomes of `dataset` taken in; `prior` itself stays as it is. `facts` are of the outcomes' models."""
    router = EnsembleRouter.of(prior.fitted_, prior.version)
    return router.place({name: facts.get(name, ModelFacts({})) for name in dataset.outcomes.models}).partial_fit(
        dataset.outcomes
    )


def crossed(prior: EnsembleRouter, dataset: Dataset, facts: Mapping[str, ModelFacts], seed: int) -> Sample:
    """Every prompt as `prior` predicts it after taking in the outcomes of the others: a fifth at a time."""
    fold = np.random.default_rng(seed).permutation(len(dataset.prompt_ids)) % _FOLDS
    parts: list[Sample] = []
    order: list[int] = []
    for left_out in sorted(set(fold.tolist())):
        held, rest = np.flatnonzero(fold == left_out), np.flatnonzero(fold != left_out)
        router = adapt(prior, dataset.only(rest), facts)
        parts.append(predicted(router, dataset.only(held).outcomes))
        order += held.tolist()
    back = np.argsort(np.array(order, np.intp))
    names = ("input_tokens", "p_correct", "output_tokens", "traits", "quality", "learned")
    joined = {name: np.concatenate([getattr(part, name) for part in parts])[back] for name in names}
    return msgspec.structs.replace(parts[0], **joined)
