"""Outcomes that come in after a router was fitted, from files that grow: read when they change, and predicted by the router.

Rules of this file: a prompt that the router learned from, or that its promises were tested on, is not fresh. What cannot be
read is told, and does not take away what could be read before.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec
import numpy as np

from entrepot.learning.outcomes import Dataset, read_dataset
from entrepot.routing.base import BoundRouter
from entrepot.routing.design import tabulate
from entrepot.routing.rehearsal import Rehearsal, digest_of_id

Stamp = tuple[tuple[str, int, int], ...]


class Sources(msgspec.Struct, frozen=True):
    """Patterns of absolute paths of outcome files and of the files of their prompts, and how many of the newest count."""

    outcomes: tuple[str, ...] = ()
    prompts: tuple[str, ...] = ()
    last: int = 3000

    def stamp(self) -> Stamp:
        """Which files there are, how long and from when: another stamp means that there is something to read."""
        return tuple(
            (str(path), told.st_mtime_ns, told.st_size)
            for path in (*_matching(self.outcomes), *_matching(self.prompts))
            for told in (path.stat(),)
        )

    def read(self) -> Dataset | None:
        """Prompts with outcomes, oldest first; None where there are none yet. Raises DataError."""
        outcomes = [path for path in _matching(self.outcomes) if path.stat().st_size]
        prompts = _matching(self.prompts)
        if not outcomes or not prompts:
            return None
        dataset = read_dataset(outcomes, prompts).answered()
        order = np.argsort(np.array(dataset.dates or ("",) * len(dataset.prompt_ids)), kind="stable")
        return dataset.only(order)


def _matching(patterns: Sequence[str]) -> list[Path]:
    found: dict[Path, None] = {}
    for pattern in patterns:
        path = Path(pattern)
        found.update(dict.fromkeys(sorted(Path(path.anchor).glob(str(path.relative_to(path.anchor))))))
    return [path for path in found if path.is_file()]


class Fresh(msgspec.Struct, frozen=True, eq=False):
    """Fresh prompts, oldest first, with the digests of their ids."""

    past: Rehearsal
    digests: tuple[str, ...]

    def only(self, kept: Sequence[int]) -> Fresh:
        """The same with these prompts alone."""
        rows = np.array(kept, np.intp)
        return Fresh(self.past.only(rows), tuple(self.digests[i] for i in kept))


def predict_fresh(
    bound: BoundRouter, dataset: Dataset, names: Mapping[str, str], known: frozenset[bytes], data: str, date: str
) -> Fresh:
    """What `bound` expects on the fresh prompts of `dataset`, and what came of it.

    `names` says which bound model is meant by a name in the outcomes; the others are passed over.
    """
    digests = [digest_of_id(id_) for id_ in dataset.prompt_ids]
    kept = np.array([i for i, digest in enumerate(digests) if digest not in known], np.intp)
    dataset = dataset.only(kept)
    outcomes = dataset.outcomes
    estimates = [bound.predict(prompt) for prompt in outcomes.prompts]
    shape = (len(outcomes.prompts), len(bound.models))
    quality = np.full(shape, np.nan)
    found, _ = tabulate(outcomes, outcomes.correct)
    for column, name in enumerate(outcomes.models):
        if names.get(name) in bound.models:
            at = bound.models.index(names[name])
            quality[:, at] = np.where(np.isnan(found[:, column]), quality[:, at], found[:, column])
    past = Rehearsal(
        bound.models,
        np.array([prompt.input_tokens for prompt in outcomes.prompts], np.float64),
        np.array([estimate.p_correct for estimate in estimates], np.float64).reshape(shape),
        np.array([estimate.output_tokens for estimate in estimates], np.float64).reshape(shape),
        quality,
        np.zeros(shape[0], bool),
        data,
        max((one[:10] for one in dataset.dates), default="") or date,
    )
    return Fresh(past, tuple(digests[i].hex() for i in kept))
