from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Self

import msgspec
import numpy as np
import pytest

from entrepot.routing.base import BoundRouter, Estimates, ModelFacts, Outcomes, Prompt
from entrepot.routing.baseline import BestSingleRouter
from entrepot.routing.checks import (
    check_bounds,
    check_determinism,
    check_learns,
    check_long_prompts,
    check_missing_is_missing,
    check_model_order,
    check_other_names,
    check_router,
    check_unseen_models,
)


class Spoiled(BestSingleRouter):
    """A good router with one thing wrong."""

    def bind(self, models: Sequence[str], facts: Mapping[str, ModelFacts]) -> BoundRouter:
        return SpoiledBound(super().bind(models, facts), self)

    def spoil(self, estimates: Estimates, prompt: Prompt) -> Estimates:
        return estimates


class SpoiledBound:
    def __init__(self, good: BoundRouter, spoiled: Spoiled) -> None:
        self.models = good.models
        self._good = good
        self._spoiled = spoiled

    def predict(self, prompt: Prompt) -> Estimates:
        return self._spoiled.spoil(self._good.predict(prompt), prompt)


class Overconfident(Spoiled):
    def spoil(self, estimates: Estimates, prompt: Prompt) -> Estimates:
        return msgspec.structs.replace(estimates, p_correct=estimates.p_correct + np.float32(0.9))


class Moody(Spoiled):
    mood = np.random.default_rng(0)

    def spoil(self, estimates: Estimates, prompt: Prompt) -> Estimates:
        drawn = self.mood.random(len(self.models_) and len(estimates.models), dtype=np.float32)
        return msgspec.structs.replace(estimates, p_correct=drawn)


class Positional(Spoiled):
    def spoil(self, estimates: Estimates, prompt: Prompt) -> Estimates:
        place = np.linspace(0, 0.5, len(estimates.models), dtype=np.float32)
        return msgspec.structs.replace(estimates, p_correct=place)


class Boastful(Spoiled):
    def spoil(self, estimates: Estimates, prompt: Prompt) -> Estimates:
        return msgspec.structs.replace(estimates, basis=("outcomes",) * len(estimates.models))


class Greedy(Spoiled):
    def spoil(self, estimates: Estimates, prompt: Prompt) -> Estimates:
        read = np.float32(hash(prompt.text) % 1000 / 2000)
        return msgspec.structs.replace(estimates, p_correct=np.full_like(estimates.p_correct, read))


class Severe(Spoiled):
    def fit(self, outcomes: Outcomes) -> Self:
        super().fit(outcomes)
        asked = self.rates_.outcomes / self.rates_.outcomes.max()
        self.rates_ = msgspec.structs.replace(self.rates_, right=self.rates_.right * asked)
        return self


class Forgetful(Spoiled):
    def bind(self, models: Sequence[str], facts: Mapping[str, ModelFacts]) -> BoundRouter:
        return super().bind(models, {})


@pytest.mark.parametrize(
    ("router", "check", "says"),
    [
        (Overconfident, check_bounds, r"P\(correct\) is above 1"),
        (Moody, check_determinism, "two fits on the same outcomes differ"),
        (Positional, check_model_order, "depends on the order of the models"),
        (Boastful, check_unseen_models, "claims to have some"),
        (Greedy, check_long_prompts, "the whole of a prompt of a megabyte was read"),
        (Severe, check_missing_is_missing, "is missing counted as wrong"),
        (Forgetful, check_other_names, "not found by its other name"),
        (Spoiled, check_learns, "not held to be harder"),
    ],
)
def test_a_router_with_one_thing_wrong_is_found_out(router: type[Spoiled], check: object, says: str) -> None:
    with pytest.raises(AssertionError, match=says):
        check(router)  # type: ignore[operator] # one of the checks


def test_a_router_with_nothing_wrong_passes() -> None:
    check_router(Spoiled)
