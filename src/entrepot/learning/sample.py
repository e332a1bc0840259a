"""What a fit remembers of prompts, so that goals over all requests can be found and promises tested: no word of any prompt.

A prompt that was learned from is predicted by a fit that had not seen it; one of outcomes kept for calibration by the fit
itself. What is kept of many prompts is the newest, or where nothing is dated a random part.
"""

from __future__ import annotations

import msgspec
import numpy as np
from numpy.typing import NDArray

from entrepot.learning.outcomes import Dataset
from entrepot.routing.base import Floats, Outcomes
from entrepot.routing.design import tabulate
from entrepot.routing.ensemble import EnsembleRouter
from entrepot.routing.rehearsal import Sample, digest_of_id

MOST_PROMPTS = 3000
PRIOR_PROMPTS = 400
"""How many prompts a router keeps on which nothing is promised: enough to find the worth that stands behind a loss."""

_ORDERING = 3  # a third of the prompts settles the order of settings ...
_FEWEST_TO_ORDER = 300  # ... where there are so many; of fewer, each is needed for the test


def draw_sample(
    router: EnsembleRouter,
    dataset: Dataset,
    calibrate: Dataset | None,
    *,
    most: int,
    data: str,
    date: str,
    seed: int = 0,
    crossed: Sample | None = None,
) -> Sample:
    """A sample of the prompts that `router` was fitted on, and of those kept for calibration, `most` of either at most.

    `crossed` are the former as predicted without having been seen, where the router's own fit did not predict them.
    """
    learned = _crossed(router, dataset.outcomes) if crossed is None else crossed
    chance = np.random.default_rng(seed)
    if calibrate is None:
        kept = newest(dataset, most, chance)
        sample = learned.only(kept)
        ordering = np.zeros(len(kept), bool)
        if len(kept) >= _FEWEST_TO_ORDER:
            ordering[chance.permutation(len(kept))[: len(kept) // _ORDERING]] = True
        return msgspec.structs.replace(sample, learned=ordering, data=data, date=date, known=_known(dataset))
    before = learned.only(newest(dataset, most, chance))
    fresh = predicted(router, calibrate.outcomes)
    after = fresh.only(newest(calibrate, most, chance))
    ordering = np.repeat([True, False], [len(before.learned), len(after.learned)])
    known = _known(dataset, calibrate)
    return msgspec.structs.replace(join(before, after), learned=ordering, data=data, date=date, known=known)


def predicted(router: EnsembleRouter, outcomes: Outcomes) -> Sample:
    """A sample of prompts that `router` was not fitted on, with their outcomes."""
    names = router.trained()
    models = router.fitted_.members.heads.models
    bound = router.bind(models, {})
    estimates = [bound.predict(prompt) for prompt in outcomes.prompts]
    quality = np.full((len(outcomes.prompts), len(models)), np.nan, np.float32)
    found, _ = tabulate(outcomes, outcomes.correct)
    for column, name in enumerate(outcomes.models):
        if name in names:
            given = found[:, column]
            at = names[name]
            quality[:, at] = np.where(np.isnan(given), quality[:, at], given)
    return Sample(
        input_tokens=_lengths(outcomes),
        p_correct=np.array([estimate.p_correct for estimate in estimates], np.float32).reshape(quality.shape),
        output_tokens=np.array([estimate.output_tokens for estimate in estimates], np.float32).reshape(quality.shape),
        traits=router.traits(np.stack([router.fitted_.featurizer.row(prompt) for prompt in outcomes.prompts])),
        quality=quality,
        learned=np.zeros(len(outcomes.prompts), bool),
    )


def join(first: Sample, second: Sample) -> Sample:
    """One sample of two, under the first one's name."""
    names = ("input_tokens", "p_correct", "output_tokens", "traits", "quality", "learned")
    parts = {name: np.concatenate([getattr(first, name), getattr(second, name)]) for name in names}
    return msgspec.structs.replace(first, **parts, known=first.known | second.known)


def newest(dataset: Dataset, most: int, chance: np.random.Generator) -> NDArray[np.intp]:
    """The prompts to keep, in their order: the newest by date, those without a date and those of one date at random."""
    count = len(dataset.prompt_ids)
    dates = np.array(dataset.dates or ("",) * count)
    order = np.lexsort((chance.random(count), dates))
    return np.sort(order[max(0, count - most) :])


def _crossed(router: EnsembleRouter, outcomes: Outcomes) -> Sample:
    """The prompts that were learned from, in their order, as fits that had not seen them predict them."""
    p_correct, output_tokens = router.cross_fitted()
    design = router.design_
    return Sample(
        input_tokens=_lengths(outcomes),
        p_correct=p_correct.astype(np.float32),
        output_tokens=output_tokens.astype(np.float32),
        traits=router.traits(design.rows),
        quality=design.correct.astype(np.float32),
        learned=np.zeros(len(design.rows), bool),
    )


def _lengths(outcomes: Outcomes) -> Floats:
    return np.array([prompt.input_tokens for prompt in outcomes.prompts], np.float32)


def _known(*datasets: Dataset | None) -> frozenset[bytes]:
    return frozenset(digest_of_id(id_) for dataset in datasets if dataset is not None for id_ in dataset.prompt_ids)
