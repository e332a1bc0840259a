"""The demonstration on recorded outcomes: real prompts, recorded answers, and a router that has not seen them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import msgspec
import numpy as np
from rich.console import Console

from entrepot.catalog.load import Catalog
from entrepot.catalog.price import Price
from entrepot.catalog.schema import Deployment
from entrepot.cli.demo_stage import Stage, send
from entrepot.errors import DataError
from entrepot.exchange.plan import Route
from entrepot.learning.outcomes import Dataset, ListPrice, read_dataset, read_prices
from entrepot.learning.train import names_and_scores, save_artifact, train
from entrepot.routing.base import Outcomes
from entrepot.simulator.contest import Entrant, always, at_random, best_and_cheapest, entrant_of
from entrepot.simulator.plan import Plan, StandInModel, StandInProvider
from entrepot.simulator.process import Addresses
from entrepot.simulator.replay import RecordedPrompt, Recording, load_recording
from entrepot.simulator.workload import Ask

PROVIDER = "recorded"
MAX_LOSSES = ("0", "0.01", "0.02", "0.05", "0.1")

POOLS: Mapping[str, tuple[str, ...]] = {
    "zeroeval": (
        "claude-3-5-sonnet-20241022",
        "gpt-4o-2024-08-06",
        "gpt-4o-mini-2024-07-18",
        "deepseek-v2.5-0908",
        "qwen2-72b-instruct",
        "qwen2-7b-instruct",
        "gemini-1.5-flash",
        "gemini-1.5-pro",
        "llama-3.1-405b",
        "llama-3.1-70b",
        "llama-3.1-8b",
        "mistral-large-2",
        "claude-3-5-haiku-20241022",
    ),
    "mmlupro": (
        "gemini-1.5-pro-002",
        "gemini-1.5-flash-002",
        "deepseek-coder-v2",
        "llama-3.1-70b",
        "qwen1.5-72b",
        "qwen1.5-7b",
        "mixtral-8x7b",
        "phi-3-mini",
    ),
}
"""The candidates of each benchmark; those of which the record holds no answers that can be replayed are left out."""


class Source(msgspec.Struct, frozen=True):
    """Where the recording is and what of it to use: `limit` prompts of one half to replay, `learn_limit` of the other."""

    directory: Path
    benchmark: str
    seed: int
    limit: int | None = None
    learn_limit: int | None = None


class Split(msgspec.Struct, frozen=True, eq=False):
    """The prompts to replay, and the half to learn from. `best` and `cheapest` are chosen by mean quality and cost there.

    `texts_kept` is False where the record holds extracted answers alone.
    """

    benchmark: str
    pool: tuple[str, ...]
    texts_kept: bool
    without_text: tuple[str, ...]
    prompts: tuple[RecordedPrompt, ...]
    learn: Dataset
    prices: Mapping[str, ListPrice]
    best: str
    cheapest: str


def read_split(source: Source) -> Split:
    """Halve the prompts that every candidate answered, by the seed. Raises DataError, ExtraMissing."""
    directory, benchmark = source.directory, source.benchmark
    recording = load_recording(directory, benchmark)
    prices = read_prices(directory / "prices.csv")
    pool, silent = _replayable(recording, POOLS[benchmark])
    for model in pool:
        if model not in prices:
            raise DataError(f"{directory / 'prices.csv'} has no price of '{model}'")
    whole = read_dataset([directory / f"{benchmark}_outcomes.parquet"], [directory / f"{benchmark}_prompts.parquet"])
    everyone = [at for at, id_ in enumerate(whole.prompt_ids) if all(m in recording.answers[id_] for m in pool)]
    learn, rest = of_models(whole, pool).only(np.array(everyone, np.intp)).halves(source.seed)
    order = np.random.default_rng(source.seed).permutation(len(rest.prompt_ids))[: source.limit]
    if source.learn_limit is not None:
        # by lot, because the files are in the order of their benchmarks
        some = np.random.default_rng(source.seed).permutation(len(learn.prompt_ids))[: source.learn_limit]
        learn = learn.only(np.sort(some))
    best, cheapest = best_and_cheapest(*_seen(learn, prices))
    return Split(
        benchmark=benchmark,
        pool=pool,
        texts_kept=_holds_texts(recording),
        without_text=silent,
        prompts=tuple(recording.prompts[rest.prompt_ids[at]] for at in order),
        learn=learn,
        prices=prices,
        best=best,
        cheapest=cheapest,
    )


def of_models(dataset: Dataset, models: Sequence[str]) -> Dataset:
    """The same prompts with the outcomes of these models alone."""
    known: Outcomes = dataset.outcomes
    number = np.full(len(known.models), -1, np.int32)
    for at, model in enumerate(models):
        number[known.models.index(model)] = at
    kept = number[known.model] >= 0
    return msgspec.structs.replace(
        dataset,
        outcomes=Outcomes(
            prompts=known.prompts,
            models=tuple(models),
            prompt=known.prompt[kept],
            model=number[known.model][kept],
            correct=known.correct[kept],
            output_tokens=known.output_tokens[kept],
            weight=known.weight[kept],
        ),
    )


def learn_router(split: Split, catalog: Catalog, path: Path, step: Callable[[str], None]) -> None:
    """Fit a router on the learning half alone and write it to `path`."""
    aliases, scores = names_and_scores(catalog, split.pool)
    trained = train(
        split.learn,
        scores=scores,
        aliases=aliases,
        window="undated",
        sources=(f"{split.benchmark}, the half that is not replayed",),
        fitted_on=datetime.now(UTC).date().isoformat(),
        step=step,
    )
    save_artifact(trained.artifact, path)


def plan_of(split: Split, directory: Path, key: str) -> Plan:
    """One stand-in provider that replays every candidate."""
    models = tuple(StandInModel(model, _price(split.prices[model]), replays=model) for model in split.pool)
    return Plan(providers=(StandInProvider(PROVIDER, models, key=key),), outcomes=str(directory.resolve()))


def deployments_of(split: Split, catalog: Catalog, places: Addresses, secret: str) -> tuple[Deployment, ...]:
    """The candidates as deployments. Where they were hosted when they were recorded is not known."""
    found = []
    for name in split.pool:
        model = catalog.find_model(name)
        maker = None if model is None else catalog.maker(model.maker)
        found.append(
            Deployment(
                id=f"{PROVIDER}/{name}",
                model=name if model is None else model.id,
                maker="unknown" if maker is None else maker.id,
                maker_country="unknown" if maker is None else maker.country,
                provider=PROVIDER,
                provider_country="unknown",
                region="GLOBAL",
                base_url=places.base_url(PROVIDER),
                dialect="openai-chat",
                upstream_name=name,
                secret=secret,
                price=_price(split.prices[name]),
                open_weights=None if model is None else model.open_weights,
            )
        )
    return tuple(found)


def route_of(split: Split, deployments: Sequence[Deployment]) -> Route:
    """`auto` over all of them; reference and baseline are the best of the learning half."""
    best = f"{PROVIDER}/{split.best}"
    return Route("auto", tuple(each.id for each in deployments), reference=best, baseline=best)


def contest(console: Console, stage: Stage, split: Split, base_url: str, seed: int) -> Iterator[Entrant]:
    """Send every prompt to every candidate by name and to `auto` at every setting; the strategies, as they come."""
    singles = []
    for number, model in enumerate(split.pool, 1):
        asks = [Ask(prompt.id, f"{PROVIDER}/{model}", prompt.text) for prompt in split.prompts]
        got = send(console, f"{number}/{len(split.pool)} {model}", base_url, stage.key, asks)
        singles.append(entrant_of(model, "", split.prompts, got))
    yield from singles
    by_name = {single.name: single for single in singles}
    yield always("always-best", by_name[split.best])
    yield always("always-cheapest", by_name[split.cheapest])
    yield at_random(singles, seed)
    for max_loss in MAX_LOSSES:
        headers = {"x-entrepot-quality": max_loss}
        asks = [Ask(prompt.id, "auto", prompt.text, headers=headers) for prompt in split.prompts]
        yield entrant_of(
            "auto", max_loss, split.prompts, send(console, f"auto, at most {max_loss} lost", base_url, stage.key, asks)
        )


def _replayable(recording: Recording, pool: Sequence[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The candidates with an answer that can be replayed, and those whose full texts were not kept where others' were."""
    texts = _holds_texts(recording)
    with_answers = {
        model
        for by_model in recording.answers.values()
        for model, answer in by_model.items()
        if answer.text is not None or not texts
    }
    kept = tuple(model for model in pool if model in with_answers)
    if len(kept) < 2:
        raise DataError(f"the outcomes hold answers of fewer than two of: {', '.join(pool)}")
    return kept, tuple(model for model in pool if model not in with_answers)


def _holds_texts(recording: Recording) -> bool:
    return any(answer.text is not None for by_model in recording.answers.values() for answer in by_model.values())


def _seen(learn: Dataset, prices: Mapping[str, ListPrice]) -> tuple[dict[str, float], dict[str, float]]:
    """Mean quality and cost in dollars of each model on the learning half."""
    outcomes = learn.outcomes
    read = np.array([prompt.input_tokens for prompt in outcomes.prompts])
    quality, cost = {}, {}
    for at, model in enumerate(outcomes.models):
        rows = outcomes.model == at
        price = prices[model]
        quality[model] = float(outcomes.correct[rows].mean())
        cost[model] = float(read[outcomes.prompt[rows]].mean()) * float(price.input_usd_per_mtok) * 1e-6
        cost[model] += (
            float(np.maximum(outcomes.output_tokens[rows], 0).mean()) * float(price.output_usd_per_mtok) * 1e-6
        )
    return quality, cost


def _price(listed: ListPrice) -> Price:
    return Price(
        input_per_mtok=Decimal(listed.input_usd_per_mtok),
        output_per_mtok=Decimal(listed.output_usd_per_mtok),
        source="prices.csv",
        as_of="2024-11",
    )
