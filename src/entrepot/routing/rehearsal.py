"""Past prompts, without their words, on which a choice can be rehearsed: what was expected of each model, and what it did.

A goal over all requests needs a knob (`worth.py`), and a floor needs a test (`guarantee.py`); both are found by making the
choice again, with today's prices, on prompts of the past. `Sample` is what an artifact keeps for that: a few numbers a prompt
and model, none of the prompt's words. `Rehearsal` is the same for the models that a router was bound to.
"""

from __future__ import annotations

import hashlib
from typing import Protocol, runtime_checkable

import msgspec
import numpy as np
from numpy.typing import NDArray

from entrepot.routing.base import Floats

Doubles = NDArray[np.float64]
DIGEST_BYTES = 8


def digest_of_id(prompt_id: str) -> bytes:
    """What is kept of a prompt's id: enough to tell it from millions, and nothing that says what it was."""
    return hashlib.sha256(prompt_id.encode("utf-8", "surrogatepass")).digest()[:DIGEST_BYTES]


class Sample(msgspec.Struct, frozen=True, eq=False):
    """Prompts that a fit learned from or was held to, as it predicts them without having seen them.

    `input_tokens` (prompts,). `p_correct`, `output_tokens` (prompts, trained models). `quality`, same shape, is what each
    model did, NaN where nothing is known; without columns where no outcome is kept. `traits` (prompts, 4) place models never
    seen: difficulty, logarithm of the discrimination, ease, logarithm of the output tokens. `learned` (prompts,) marks those
    whose outcomes settled something before (the order of settings); the others are for testing. `data` names the
    outcomes and `date` says of when they are. `known` are digests of the ids of all prompts that are not fresh any more: the
    fit learned from them, or promises were tested on them.
    """

    input_tokens: Floats
    p_correct: Floats
    output_tokens: Floats
    traits: Floats
    quality: Floats
    learned: NDArray[np.bool_]
    data: str = ""
    date: str = ""
    known: frozenset[bytes] = frozenset()

    def only(self, prompts: NDArray[np.intp]) -> Sample:
        """The same with these prompts alone."""
        names = ("input_tokens", "p_correct", "output_tokens", "traits", "quality", "learned")
        return msgspec.structs.replace(self, **{name: getattr(self, name)[prompts] for name in names})

    def without_outcomes(self) -> Sample:
        """The same as a prior for other people's traffic, on which nothing may be promised."""
        return msgspec.structs.replace(
            self, quality=np.zeros((len(self.input_tokens), 0), np.float32), known=frozenset()
        )


class Rehearsal(msgspec.Struct, frozen=True, eq=False):
    """A sample for bound models: `p_correct`, `output_tokens` and `quality` have shape (prompts, models), in their order.

    What is not told by an array is as in `Sample`.
    """

    models: tuple[str, ...]
    input_tokens: Doubles
    p_correct: Doubles
    output_tokens: Doubles
    quality: Doubles
    learned: NDArray[np.bool_]
    data: str = ""
    date: str = ""
    known: frozenset[bytes] = frozenset()

    def only(self, prompts: NDArray[np.intp]) -> Rehearsal:
        """The same with these prompts alone."""
        return msgspec.structs.replace(self, **{name: getattr(self, name)[prompts] for name in _BY_PROMPT})

    def joined(self, later: Rehearsal) -> Rehearsal:
        """The same prompts, and after them later ones of the same models. The later name and date them."""
        both = {name: np.concatenate([getattr(self, name), getattr(later, name)]) for name in _BY_PROMPT}
        data = " and ".join(dict.fromkeys(name for name in (self.data, later.data) if name))
        return msgspec.structs.replace(later, **both, data=data, known=self.known | later.known)


_BY_PROMPT = ("input_tokens", "p_correct", "output_tokens", "quality", "learned")


@runtime_checkable
class Remembering(Protocol):
    """A bound router that remembers past prompts. One that does not is no worse; its routes weigh prompt by prompt."""

    @property
    def rehearsal(self) -> Rehearsal | None:
        """The past prompts, for the bound models; None where none were kept."""
        ...


def rehearsal_of(bound: object) -> Rehearsal | None:
    """What a bound router remembers, if it is of those that do."""
    return bound.rehearsal if isinstance(bound, Remembering) else None
