from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from entrepot.errors import DataError
from entrepot.learning.outcomes import Dataset, ListPrice, read_dataset, read_prices
from entrepot.learning.pool import Pool, build_pool
from entrepot.learning.replay import Report, evaluate
from entrepot.routing.base import Router
from entrepot.routing.baseline import BestSingleRouter, DomainTableRouter, FixedRouter, RandomRouter
from entrepot.routing.checks import SPARSE, STRONG, WEAK, made_up_outcomes
from entrepot.routing.ensemble import EnsembleRouter

PRICES = {STRONG: ListPrice("10", "30"), WEAK: ListPrice("0.1", "0.2"), SPARSE: ListPrice("1", "1")}


@pytest.fixture(scope="module")
def dataset() -> Dataset:
    outcomes = made_up_outcomes(200)
    ids = tuple(str(number) for number in range(len(outcomes.prompts)))
    return Dataset(outcomes, ids, ("made up",) * len(ids), tuple("hard" if i % 2 else "easy" for i in range(len(ids))))


@pytest.fixture(scope="module")
def report(dataset: Dataset) -> Report:
    learned, held_out = dataset.halves(0)
    router = EnsembleRouter(rank=30, folds=2).fit(learned.outcomes)
    return evaluate(router, build_pool(learned, (STRONG, WEAK), PRICES), build_pool(held_out, (STRONG, WEAK), PRICES))


def test_only_prompts_that_every_model_answered_count(dataset: Dataset) -> None:
    assert len(build_pool(dataset, (STRONG, WEAK), PRICES).prompts) == 200
    assert len(build_pool(dataset, (STRONG, WEAK, SPARSE), PRICES).prompts) == 4


def test_cost_is_what_was_read_and_written_at_list_price(dataset: Dataset) -> None:
    pool = build_pool(dataset, (WEAK,), PRICES)
    given = pool.prompts[0].input_tokens
    assert pool.cost_usd[0, 0] == pytest.approx((given * 0.1 + 10 * 0.2) * 1e-6)


def test_a_model_without_price_or_outcomes_is_named(dataset: Dataset) -> None:
    with pytest.raises(DataError, match=r"'maker/weak' has no price"):
        build_pool(dataset, (WEAK,), {})
    with pytest.raises(DataError, match=r"'x' has no outcomes"):
        build_pool(dataset, ("x",), {"x": ListPrice("1", "1")})


def test_hard_prompts_go_to_the_strong_model_and_easy_ones_to_the_cheap(report: Report) -> None:
    auto, strong = report.point("auto", "0.05"), report.point(STRONG)
    assert report.reference == STRONG
    assert auto.quality > strong.quality - 0.05
    assert auto.usd_per_1k < strong.usd_per_1k
    assert auto.largest_share < 0.7


def test_no_strategy_beats_the_oracle(report: Report) -> None:
    oracle = report.point("oracle")
    assert all(point.quality <= oracle.quality for point in report.points)


def test_a_looser_loss_never_costs_more_where_lengths_are_as_expected(report: Report) -> None:
    costs = [point.usd_per_1k for point in report.points if point.strategy == "auto"]
    assert costs[-1] < costs[0]


# What follows reads the recorded outcomes. Trained on one half of the prompts, measured on the other.

POOLS = {
    "zeroeval": (
        "gpt-4o-2024-08-06", "claude-3-5-sonnet-20241022", "gpt-4o-mini-2024-07-18", "deepseek-v2.5-0908",
        "llama-3.1-70b", "llama-3.1-8b", "gemini-1.5-flash", "qwen2-72b-instruct",
    ),
    "mmlupro": (
        "gemini-1.5-pro-002", "gemini-1.5-flash-002", "deepseek-coder-v2", "llama-3.1-70b", "qwen1.5-72b", "phi-3-mini",
    ),
}  # fmt: skip
LOSSES = (0.0, 0.01, 0.02, 0.03, 0.05, 0.07, 0.1, 0.15, 0.2, 0.3)
Measured = Mapping[tuple[str, str], Report]


@pytest.fixture(scope="module")
def measured(outcomes_dir: Path) -> Measured:
    files = [[outcomes_dir / f"{name}_{kind}.parquet" for name in POOLS] for kind in ("outcomes", "prompts")]
    whole = read_dataset(files[0], files[1])
    prices = read_prices(outcomes_dir / "prices.csv")
    learned, held_out = whole.halves(0)
    # a smaller rank and fewer folds keep the test quick
    routers: dict[str, Router] = {
        "ensemble": EnsembleRouter(rank=100, folds=2).fit(learned.outcomes),
        "domain table": DomainTableRouter().fit(learned.outcomes),
        "random": RandomRouter().fit(learned.outcomes),
        "best single": BestSingleRouter().fit(learned.outcomes),
        "fixed": FixedRouter("llama-3.1-70b").fit(learned.outcomes),
    }
    pools: dict[str, tuple[Pool, Pool]] = {
        name: (build_pool(learned, models, prices), build_pool(held_out, models, prices))
        for name, models in POOLS.items()
    }
    return {
        (name, kind): evaluate(router, *pools[name], max_losses=LOSSES)
        for name in POOLS
        for kind, router in routers.items()
    }


def quality_for_money(report: Report, strategy: str) -> float:
    """Area under the strategy's cost-quality curve up to the reference's cost; between two settings lies their mixture."""
    best = report.point(report.reference)
    points = [(0.0, 0.0)]  # asking nobody
    points += [(p.usd_per_1k / best.usd_per_1k, p.quality) for p in report.points if p.strategy == strategy]

    def quality(budget: float) -> float:
        affordable = [point for point in points if point[0] <= budget]
        dearer = [point for point in points if point[0] > budget]
        mixtures = [
            q + (r - q) * (budget - cost) / (price - cost) for cost, q in affordable for price, r in dearer if r > q
        ]
        return max([q for _, q in affordable] + mixtures)

    return float(np.mean([quality(budget) for budget in np.linspace(0.05, 1, 40)]))


@pytest.mark.parametrize("name", list(POOLS))
@pytest.mark.parametrize("rival", ["domain table", "random", "best single", "fixed"])
def test_its_estimates_are_worth_more_than_the_baselines_on_prompts_held_out(
    measured: Measured, name: str, rival: str
) -> None:
    ours = quality_for_money(measured[name, "ensemble"], "weighted")
    assert ours > quality_for_money(measured[name, rival], "weighted")


@pytest.mark.parametrize("name", list(POOLS))
@pytest.mark.parametrize("rival", ["random", "fixed"])
def test_the_gateways_rule_gives_more_quality_for_money_than_chance_on_prompts_held_out(
    measured: Measured, name: str, rival: str
) -> None:
    ours = quality_for_money(measured[name, "ensemble"], "auto")
    assert ours > quality_for_money(measured[name, rival], "auto")


def test_the_gateways_rule_gives_more_quality_for_money_than_a_table_of_domains_on_mmlu_pro(measured: Measured) -> None:
    ours = quality_for_money(measured["mmlupro", "ensemble"], "auto")
    assert ours > quality_for_money(measured["mmlupro", "domain table"], "auto")


@pytest.mark.parametrize("name", list(POOLS))
def test_p_correct_is_calibrated_and_informative_on_prompts_held_out(measured: Measured, name: str) -> None:
    report = measured[name, "ensemble"]
    assert report.ece < 0.05
    assert report.auc > measured[name, "domain table"].auc + 0.05


@pytest.mark.parametrize("name", list(POOLS))
def test_keeps_nine_tenths_of_the_best_single_models_quality_for_a_third_of_its_cost(
    measured: Measured, name: str
) -> None:
    report = measured[name, "ensemble"]
    best = report.point(report.reference)
    cheap = [p for p in report.points if p.strategy == "auto" and p.usd_per_1k < best.usd_per_1k / 3]
    assert max(point.quality for point in cheap) > 0.9 * best.quality


@pytest.mark.parametrize("name", list(POOLS))
def test_expected_costs_add_up_to_actual_costs_on_prompts_held_out(measured: Measured, name: str) -> None:
    assert measured[name, "ensemble"].cost_ratio == pytest.approx(1, abs=0.1)
