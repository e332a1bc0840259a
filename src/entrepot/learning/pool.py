"""Prompts that every candidate answered, as tables of prompts by models: what strategies are tried and graded on.

Rules of this file: `quality` grades choices and teaches routers; no router reads it for a prompt that it is tried on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal

import msgspec
import numpy as np
from numpy.typing import NDArray

from entrepot.catalog.price import Price
from entrepot.catalog.pricing import ExchangeRates, Tariff
from entrepot.catalog.schema import Deployment
from entrepot.errors import DataError
from entrepot.learning.outcomes import Dataset, ListPrice
from entrepot.routing.base import Prompt
from entrepot.routing.comparable import same_answers
from entrepot.routing.design import tabulate

Doubles = NDArray[np.float64]


class Pool(msgspec.Struct, frozen=True, eq=False):
    """Prompts that every model answered, shapes (prompts, models).

    `quality` is NaN where the files do not say what is right. `answers` are numbers, the same for the same answer to a
    prompt, -1 for none. `per_token` (models, 2) are dollars a token of input and output.
    """

    models: tuple[str, ...]
    prompt_ids: tuple[str, ...]
    prompts: tuple[Prompt, ...]
    domains: tuple[str, ...]
    quality: Doubles
    output_tokens: Doubles
    cost_usd: Doubles
    answers: NDArray[np.int64]
    per_token: Doubles
    deployments: tuple[Deployment, ...]
    tariffs: Mapping[str, Tariff]

    @property
    def best(self) -> int:
        """The number of the model of the highest quality."""
        return int(self.quality.mean(axis=0).argmax())

    @property
    def input_tokens(self) -> Doubles:
        """Length of each prompt, shape (prompts,)."""
        return np.array([prompt.input_tokens for prompt in self.prompts], np.float64)

    def expected_usd(self, output_tokens: Doubles) -> Doubles:
        """What answers of such lengths would cost, shape (prompts, models)."""
        return np.asarray(self.input_tokens[:, None] * self.per_token[:, 0] + output_tokens * self.per_token[:, 1])


def build_pool(dataset: Dataset, models: Sequence[str], prices: Mapping[str, ListPrice]) -> Pool:
    """The part of `dataset` that all of `models` answered. Raises DataError if there is none, or a price is missing."""
    outcomes = dataset.outcomes
    for model in models:
        if model not in prices or model not in outcomes.models:
            raise DataError(f"model '{model}' has {'no outcomes' if model in prices else 'no price'}")
    columns = [outcomes.models.index(model) for model in models]
    there = tabulate(outcomes, np.ones_like(outcomes.correct))[1][:, columns] > 0
    everyone = np.flatnonzero(there.all(axis=1))
    if not len(everyone):
        raise DataError("no prompt was answered by all of: " + ", ".join(models))
    quality = tabulate(outcomes, outcomes.correct)[0][:, columns]
    tokens = np.maximum(np.nan_to_num(tabulate(outcomes, outcomes.output_tokens)[0][:, columns], nan=0), 0)[everyone]
    prompts = tuple(outcomes.prompts[i] for i in everyone)
    per_token = 1e-6 * np.array(
        [[float(prices[m].input_usd_per_mtok), float(prices[m].output_usd_per_mtok)] for m in models]
    )
    given = np.array([prompt.input_tokens for prompt in prompts])[:, None]
    return Pool(
        models=tuple(models),
        prompt_ids=tuple(dataset.prompt_ids[i] for i in everyone),
        prompts=prompts,
        domains=tuple(dataset.categories[i] for i in everyone),
        quality=quality[everyone],
        output_tokens=tokens,
        cost_usd=given * per_token[:, 0] + tokens * per_token[:, 1],
        answers=_answers(dataset, columns)[everyone],
        per_token=per_token,
        deployments=tuple(_deployment(model) for model in models),
        tariffs={model: _tariff(prices[model]) for model in models},
    )


def _answers(dataset: Dataset, columns: Sequence[int]) -> NDArray[np.int64]:
    """Numbers of the answers, shape (prompts, models); the last of several that one model gave counts."""
    outcomes = dataset.outcomes
    texts: list[list[str | None]] = [[None] * len(outcomes.models) for _ in outcomes.prompts]
    for prompt, model, answer in zip(outcomes.prompt.tolist(), outcomes.model.tolist(), dataset.answers, strict=False):
        texts[prompt][model] = answer
    return np.array([same_answers([row[column] for column in columns]) for row in texts], np.int64)


def _tariff(price: ListPrice) -> Tariff:
    return Tariff(
        Price(
            input_per_mtok=Decimal(price.input_usd_per_mtok),
            output_per_mtok=Decimal(price.output_usd_per_mtok),
            source="the price file",
            as_of="",
        ),
        ExchangeRates(usd_per_cny=Decimal(1), as_of="", source="every price here is in dollars"),
    )


def _deployment(model: str) -> Deployment:
    return Deployment(
        id=model,
        model=model,
        maker="",
        maker_country="",
        provider="recorded",
        provider_country="",
        region="",
        base_url="",
        dialect="",
        upstream_name=model,
    )
