"""What any router must beat: one model for everything, the best single model, chance, and a table of domains.

Each is a router like any other. The estimates are rates observed in training, the same for every prompt except where a
domain is told apart; a model without outcomes gets the mean of the others and says so.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Self

import msgspec
import numpy as np

from entrepot.routing.base import Basis, BoundRouter, Estimates, Floats, ModelFacts, Outcomes, Prompt
from entrepot.routing.design import tabulate

KindOf = Callable[[Prompt], int]
_PRIOR_OUTCOMES = 2.0


class _Rates(msgspec.Struct, frozen=True, eq=False):
    """Share of right answers and mean length by model, each with the number of outcomes it rests on."""

    right: Floats
    outcomes: Floats
    output_tokens: Floats


class BestSingleRouter:
    """Every prompt is as hard as any other: the model with the best record is best. Learned: `models_`, `rates_`."""

    models_: tuple[str, ...]
    rates_: _Rates

    @property
    def version(self) -> str:
        """Not an artifact: the name of the baseline."""
        return "baseline/best-single"

    def fit(self, outcomes: Outcomes) -> Self:
        """Learn each model's record."""
        self.models_ = outcomes.models
        self.rates_ = _rates(outcomes)
        return self

    def partial_fit(self, outcomes: Outcomes) -> Self:
        """Add outcomes to the models' records; a model that is new waits for the next fit."""
        self.rates_ = _added(self.rates_, self.models_, outcomes)
        return self

    def bind(self, models: Sequence[str], facts: Mapping[str, ModelFacts]) -> BoundRouter:
        """Prepare for these models."""
        return _BoundTable(tuple(models), [_rows(models, facts, self.models_, self.rates_)], lambda _prompt: 0)


class CheapestRouter(BestSingleRouter):
    """Every model is held to be as good as any other, so that price alone decides."""

    @property
    def version(self) -> str:
        """Not an artifact: the name of the baseline."""
        return "baseline/cheapest"

    def fit(self, outcomes: Outcomes) -> Self:
        """Learn lengths, and one record for all."""
        super().fit(outcomes)
        self.rates_ = msgspec.structs.replace(
            self.rates_, right=np.full_like(self.rates_.right, self.rates_.right.mean())
        )
        return self

    def partial_fit(self, outcomes: Outcomes) -> Self:
        """Learn lengths alone."""
        right = self.rates_.right
        super().partial_fit(outcomes)
        self.rates_ = msgspec.structs.replace(self.rates_, right=right)
        return self


class FixedRouter(BestSingleRouter):
    """One model is certain to be right and no other is: what a gateway without routing does."""

    def __init__(self, model: str) -> None:
        self.model = model

    @property
    def version(self) -> str:
        """Not an artifact: the name of the baseline."""
        return f"baseline/fixed/{self.model}"

    def fit(self, outcomes: Outcomes) -> Self:
        """Learn lengths alone."""
        super().fit(outcomes)
        right = np.array([model == self.model for model in self.models_], np.float32)
        self.rates_ = msgspec.structs.replace(self.rates_, right=right)
        return self

    def partial_fit(self, outcomes: Outcomes) -> Self:
        """Learn lengths alone."""
        right = self.rates_.right
        super().partial_fit(outcomes)
        self.rates_ = msgspec.structs.replace(self.rates_, right=right)
        return self


class RandomRouter(BestSingleRouter):
    """Chance decides, but the same way each time for the same prompt and model."""

    def __init__(self, seed: int = 0) -> None:
        self.seed = seed

    @property
    def version(self) -> str:
        """Not an artifact: the name of the baseline."""
        return "baseline/random"

    def bind(self, models: Sequence[str], facts: Mapping[str, ModelFacts]) -> BoundRouter:
        """Prepare for these models."""
        known = super().bind(models, facts)
        return _BoundChance(known, self.seed)


class DomainTableRouter(BestSingleRouter):
    """The ten-minute rule: a dozen kinds of prompt told apart by keywords, and each model's record on each kind.

    Learned: `table_`, rates by kind, shrunk towards the model's overall record.
    """

    table_: list[_Rates]

    @property
    def version(self) -> str:
        """Not an artifact: the name of the baseline."""
        return "baseline/domain-table"

    def fit(self, outcomes: Outcomes) -> Self:
        """Learn each model's record on each kind of prompt."""
        super().fit(outcomes)
        kind = np.array([kind_of(prompt) for prompt in outcomes.prompts])
        self.table_ = [_rates(outcomes, kind == number, self.rates_) for number in range(len(KINDS) + 1)]
        return self

    def partial_fit(self, outcomes: Outcomes) -> Self:
        """Add outcomes to the records on their kinds of prompt."""
        super().partial_fit(outcomes)
        kind = np.array([kind_of(prompt) for prompt in outcomes.prompts])
        self.table_ = [
            _added(rates, self.models_, outcomes, kind == number) for number, rates in enumerate(self.table_)
        ]
        return self

    def bind(self, models: Sequence[str], facts: Mapping[str, ModelFacts]) -> BoundRouter:
        """Prepare for these models."""
        rows = [_rows(models, facts, self.models_, rates) for rates in self.table_]
        return _BoundTable(tuple(models), rows, kind_of)


KINDS: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("code", re.compile(r"\bdef \w+\(|\bclass \w+|\breturn\b|#include|\bSELECT\b|```|\bfunction\b|代码|函数")),
    ("competition maths", re.compile(r"\\frac|\\sqrt|\$[^$]{1,80}\$|\btriangle\b|\bpolynomial\b|\binteger")),
    ("law", re.compile(r"\b(?:court|plaintiff|defendant|contract|statute|liable)\b|法院|合同|法律", re.IGNORECASE)),
    ("medicine", re.compile(r"\b(?:patient|disease|clinical|symptom|blood|treatment)\b|患者|症状|治疗", re.IGNORECASE)),
    ("physics", re.compile(r"\b(?:velocity|mass|energy|voltage|pressure|electron|force)\b|速度|电压|能量", re.IGNORECASE)),
    ("chemistry", re.compile(r"\b(?:molecule|reaction|acid|solution|atom|mol)\b|化学|分子|反应", re.IGNORECASE)),
    ("business", re.compile(r"\b(?:price|market|company|cost|interest|tax|firm)\b|公司|市场|成本", re.IGNORECASE)),
    ("mind and society", re.compile(r"\b(?:theory|social|moral|philosoph\w+|history)\b|社会|历史|哲学", re.IGNORECASE)),
    ("sum", re.compile(r"\d.*\b(?:how many|how much|total|each)\b|多少", re.IGNORECASE | re.DOTALL)),
)  # fmt: skip
_LOOKED_AT_CHARS = 4096


def kind_of(prompt: Prompt) -> int:
    """The number of the first kind whose words the prompt uses; the last number is of all others."""
    text = prompt.text[:_LOOKED_AT_CHARS]
    return next((number for number, (_, words) in enumerate(KINDS) if words.search(text)), len(KINDS))


def _rates(
    outcomes: Outcomes, among: np.ndarray[tuple[int], np.dtype[np.bool_]] | None = None, prior: _Rates | None = None
) -> _Rates:
    correct, weight = tabulate(outcomes, outcomes.correct)
    tokens = tabulate(outcomes, np.where(outcomes.output_tokens >= 0, outcomes.output_tokens, np.nan))[0]
    if among is not None:
        correct, weight, tokens = correct[among], weight[among], tokens[among]
    total = weight.sum(axis=0)
    right = np.nansum(np.where(weight > 0, correct, 0) * weight, axis=0)
    towards = prior.right if prior else right.sum() / max(total.sum(), 1)
    counted = np.count_nonzero(~np.isnan(tokens), axis=0)
    mean_tokens = np.nansum(tokens, axis=0) / np.maximum(counted, 1)
    usual = prior.output_tokens if prior else np.full(len(mean_tokens), np.nansum(tokens) / max(counted.sum(), 1))
    return _Rates(
        right=((right + _PRIOR_OUTCOMES * towards) / (total + _PRIOR_OUTCOMES)).astype(np.float32),
        outcomes=total.astype(np.float32),
        output_tokens=np.where(counted > 0, mean_tokens, usual).astype(np.float32),
    )


def _added(
    rates: _Rates,
    models: Sequence[str],
    outcomes: Outcomes,
    among: np.ndarray[tuple[int], np.dtype[np.bool_]] | None = None,
) -> _Rates:
    """Rates with more outcomes, those of the prompts `among` alone."""
    right, seen, tokens = rates.right.copy(), rates.outcomes.copy(), rates.output_tokens.copy()
    for row, at in enumerate(outcomes.model.tolist()):
        name, counts = outcomes.models[at], among is None or bool(among[outcomes.prompt[row]])
        if name not in models or not counts:
            continue
        model, weight = models.index(name), float(outcomes.weight[row])
        seen[model] += weight
        share = weight / (float(seen[model]) + _PRIOR_OUTCOMES)
        right[model] += share * (float(outcomes.correct[row]) - float(right[model]))
        if outcomes.output_tokens[row] >= 0:
            tokens[model] += share * (float(outcomes.output_tokens[row]) - float(tokens[model]))
    return _Rates(right, seen, tokens)


def _rows(models: Sequence[str], facts: Mapping[str, ModelFacts], trained: tuple[str, ...], rates: _Rates) -> Estimates:
    p_correct, error, tokens, basis = [], [], [], list[Basis]()
    for model in models:
        names = (model, *(facts[model].names if model in facts else ()))
        at = next((trained.index(name) for name in names if name in trained), None)
        p = float(rates.right.mean() if at is None else rates.right[at])
        seen = 1.0 if at is None else float(rates.outcomes[at])
        p_correct.append(p)
        error.append(float(np.sqrt(p * (1 - p) / (seen + _PRIOR_OUTCOMES))))
        tokens.append(float(rates.output_tokens.mean() if at is None else rates.output_tokens[at]))
        basis.append("prior" if at is None else "outcomes")
    return Estimates(
        models=tuple(models),
        p_correct=np.array(p_correct, np.float32),
        p_error=np.array(error, np.float32),
        output_tokens=np.array(tokens, np.float32),
        log_error=np.ones(len(models), np.float32),
        basis=tuple(basis),
    )


class _BoundTable:
    """Estimates by kind of prompt."""

    def __init__(self, models: tuple[str, ...], rows: list[Estimates], kind: KindOf) -> None:
        self.models = models
        self._rows = rows
        self._kind = kind

    def predict(self, prompt: Prompt) -> Estimates:
        """The row of the prompt's kind."""
        return self._rows[self._kind(prompt)]


class _BoundChance:
    """A draw for each prompt and model, in place of an estimate."""

    def __init__(self, known: BoundRouter, seed: int) -> None:
        self.models = known.models
        self._known = known
        self._seed = seed

    def predict(self, prompt: Prompt) -> Estimates:
        """Draws between 0 and 1, from a digest of the prompt's beginning and the model's name."""
        text = prompt.text[:_LOOKED_AT_CHARS].encode("utf-8", "surrogatepass")
        drawn = [
            int.from_bytes(hashlib.sha256(b"%d\0%s\0%s" % (self._seed, model.encode(), text)).digest()[:4], "big")
            / 2**32
            for model in self.models
        ]
        return msgspec.structs.replace(self._known.predict(prompt), p_correct=np.array(drawn, np.float32))
