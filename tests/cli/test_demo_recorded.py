from pathlib import Path

import numpy as np
import pytest

from entrepot.catalog.load import load_catalog
from entrepot.cli.demo_recorded import POOLS, PROVIDER, Source, Split, deployments_of, plan_of, read_split, route_of
from entrepot.cli.demo_recorded_report import preface, tabulate_contest
from entrepot.errors import DataError
from entrepot.routing.artifact import Provenance
from entrepot.simulator.contest import always, entrant_of
from entrepot.simulator.process import Addresses
from entrepot.simulator.workload import Got


@pytest.fixture(scope="module")
def split(outcomes_dir: Path) -> Split:
    return read_split(Source(outcomes_dir, "zeroeval", seed=1))


def test_no_prompt_is_both_learned_from_and_replayed(split: Split) -> None:
    replayed = {prompt.id for prompt in split.prompts}
    assert not replayed & set(split.learn.prompt_ids)
    assert len(replayed) == len(split.prompts) == 858
    assert len(split.learn.prompt_ids) == 858


def test_the_seed_halves_the_prompts(split: Split, outcomes_dir: Path) -> None:
    assert read_split(Source(outcomes_dir, "zeroeval", seed=1)).prompts == split.prompts
    other = read_split(Source(outcomes_dir, "zeroeval", seed=2, limit=50, learn_limit=60))
    assert other.prompts != split.prompts[:50]
    assert (len(other.prompts), len(other.learn.prompt_ids)) == (50, 60)


def test_a_limit_takes_the_first_of_the_same_order(split: Split, outcomes_dir: Path) -> None:
    assert read_split(Source(outcomes_dir, "zeroeval", seed=1, limit=30)).prompts == split.prompts[:30]


def test_a_router_that_learns_from_fewer_prompts_learns_from_every_kind(split: Split, outcomes_dir: Path) -> None:
    fewer = read_split(Source(outcomes_dir, "zeroeval", seed=1, learn_limit=100)).learn
    assert set(fewer.prompt_ids) < set(split.learn.prompt_ids)
    assert set(fewer.benchmarks) == set(split.learn.benchmarks) == {"gsm", "math-l5", "crux"}


def test_candidates_whose_texts_were_not_kept_are_named(split: Split) -> None:
    assert set(split.without_text) == {"qwen2-7b-instruct", "mistral-large-2"}
    assert set(split.pool) | set(split.without_text) == set(POOLS["zeroeval"])


def test_the_router_learns_from_the_candidates_alone(split: Split) -> None:
    outcomes = split.learn.outcomes
    assert outcomes.models == split.pool
    assert len(outcomes.correct) == len(split.pool) * len(split.learn.prompt_ids)
    assert set(np.unique(outcomes.model).tolist()) == set(range(len(split.pool)))


def test_best_and_cheapest_are_chosen_without_the_replayed_half(split: Split) -> None:
    outcomes = split.learn.outcomes
    means = {model: outcomes.correct[outcomes.model == at].mean() for at, model in enumerate(outcomes.models)}
    assert means[split.best] == max(means.values())
    assert split.cheapest == "llama-3.1-8b"


def test_a_benchmark_of_which_only_answers_were_kept_replays_every_candidate(outcomes_dir: Path) -> None:
    split = read_split(Source(outcomes_dir, "mmlupro", seed=1, limit=10))
    assert split.pool == POOLS["mmlupro"]
    assert split.without_text == ()
    assert "Only the answers extracted" in preface(split, Provenance("2024", ("x",), 10, 100, "2026-11-22"))


def test_a_recording_without_prices_is_refused(outcomes_dir: Path, tmp_path: Path) -> None:
    for name in ("zeroeval_prompts.parquet", "zeroeval_outcomes.parquet", "zeroeval_outputs.parquet"):
        (tmp_path / name).symlink_to(outcomes_dir / name)
    with pytest.raises(DataError, match=r"prices\.csv"):
        read_split(Source(tmp_path, "zeroeval", seed=1))


def test_every_candidate_is_a_deployment_at_its_recorded_price(split: Split) -> None:
    plan = plan_of(split, Path("outcomes"), "sk-simulated")
    (provider,) = plan.providers
    assert [model.replays for model in provider.models] == list(split.pool)
    deployments = deployments_of(split, load_catalog(), Addresses("http://127.0.0.1:9", {}, {PROVIDER: "/v1"}), "env:K")
    assert [each.id for each in deployments] == [f"{PROVIDER}/{model}" for model in split.pool]
    assert [each.price for each in deployments] == [model.price for model in provider.models]
    by_model = {each.upstream_name: each for each in deployments}
    assert by_model["deepseek-v2.5-0908"].maker_country == "CN"
    assert route_of(split, deployments).reference == f"{PROVIDER}/{split.best}"


@pytest.mark.parametrize(
    ("sources", "said"),
    [
        (("zeroeval, the half that is not replayed",), "None of the prompts below was among them"),
        (("ZeroEval (github.com/WildEval/ZeroEval)",), "may be AMONG THEM"),
        (("our own traffic",), "not known"),
    ],
)
def test_it_is_said_what_the_router_has_seen(split: Split, sources: tuple[str, ...], said: str) -> None:
    text = preface(split, Provenance("2024", sources, 10, 100, "2026-11-22"))
    assert said in text
    assert "SIMULATED" in text
    assert "extracted" not in text


def test_a_bill_that_disagrees_is_told(split: Split) -> None:
    prompts = split.prompts[:1]
    answer = Got("1", "m", 200, "", {"x-entrepot-model": "m", "x-entrepot-cost-usd": "0.5"}, 1.0, whole=True)
    single = entrant_of(split.best, "", prompts, [answer])
    ways = [single, always("always-best", single)]
    assert any("does NOT agree" in note for note in tabulate_contest(split, ways, 1).notes)
    assert any("to the nano-dollar" in note for note in tabulate_contest(split, ways, 500_000_000).notes)
