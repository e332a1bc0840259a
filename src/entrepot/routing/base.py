"""What a router promises: for each model, P(correct) and expected output tokens, with their uncertainty.

Rules of this file: a router knows models, not deployments, prices or health; those enter in `utility`. Estimates are
float32 arrays in the order of the models asked for. A model that a router has no outcomes for is estimated from its
published scores and says so (`basis`). Estimators follow scikit-learn's habits: the constructor only stores, `fit` returns
self, learned names end in an underscore.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, Protocol, runtime_checkable

import msgspec
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]


def constant(value: float) -> Floats:
    """A number for arithmetic on small arrays: one that is an array already costs half of what a Python number costs."""
    return np.array(value, np.float32)


Basis = Literal["outcomes", "scores", "prior"]


class Prompt(msgspec.Struct, frozen=True):
    """What a router may look at: the text and the outside of a request.

    `text` is the last user turn with what frames it; it may be empty (an image alone). `turns` counts messages.
    """

    text: str
    input_tokens: int
    turns: int = 1
    has_tools: bool = False
    has_images: bool = False
    wants_json: bool = False


class Estimates(msgspec.Struct, frozen=True, eq=False):
    """One row per model asked for, shape (models,).

    `p_correct` in [0, 1] and its standard error `p_error`; `output_tokens` the expected length, and `log_error` the
    standard deviation of the log of the length around it. `basis` says where each model's estimate comes from. `traits` place
    models that were not asked about on this prompt: its difficulty, the logarithm of its discrimination, its ease; None where
    the estimator knows no such thing.
    """

    models: tuple[str, ...]
    p_correct: Floats
    p_error: Floats
    output_tokens: Floats
    log_error: Floats
    basis: tuple[Basis, ...]
    traits: tuple[float, float, float] | None = None


class Outcomes(msgspec.Struct, frozen=True, eq=False):
    """Outcomes as a sparse matrix in coordinates: row i says that `models[model[i]]` did `correct[i]` on `prompts[prompt[i]]`.

    `correct` is in [0, 1] (graded outcomes are fractions); a pair that is absent is missing, not wrong.
    `output_tokens` is -1 where unknown; `weight` is 1 unless the source of the outcome deserves less.
    """

    prompts: tuple[Prompt, ...]
    models: tuple[str, ...]
    prompt: NDArray[np.int32]
    model: NDArray[np.int32]
    correct: Floats
    output_tokens: Floats
    weight: Floats


class ModelFacts(msgspec.Struct, frozen=True):
    """What the catalog knows of a model: published scores by benchmark, fractions of 1, and other names of the same weights.

    A model that a router never saw is placed by its scores; one that outcome files call otherwise is found by its `names`.
    """

    scores: Mapping[str, float]
    reasoning: bool = False
    names: tuple[str, ...] = ()


class Router(Protocol):
    """An estimator of quality and length."""

    @property
    def version(self) -> str:
        """Names the fit in every decision: its estimator, window and a digest of its numbers."""
        ...

    def fit(self, outcomes: Outcomes) -> Router:
        """Learn from outcomes; returns self."""
        ...

    def partial_fit(self, outcomes: Outcomes) -> Router:
        """Take in a few more outcomes in under five milliseconds each, after `fit`; what is bound now is left as it is."""
        ...

    def bind(self, models: Sequence[str], facts: Mapping[str, ModelFacts]) -> BoundRouter:
        """Prepare to estimate for these models, whether seen in training or not. Done once per settings, not per request."""
        ...


class BoundRouter(Protocol):
    """A router prepared for a fixed list of models; called on the hot path."""

    models: tuple[str, ...]

    def predict(self, prompt: Prompt) -> Estimates:
        """Estimates for every bound model, in under a third of a millisecond."""
        ...


@runtime_checkable
class Placing(BoundRouter, Protocol):
    """A bound router that can say of past prompts, by their traits alone, how its models would have done."""

    def by_traits(self, traits: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """P(correct) and its standard error, shape (prompts, models), for `traits` of shape (prompts, 3) (see Estimates)."""
        ...
