from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np
import pytest

from entrepot.errors import DataError
from entrepot.learning.outcomes import Dataset, read_dataset
from entrepot.learning.sample import MOST_PROMPTS, draw_sample, newest
from entrepot.learning.train import save_artifact, train
from entrepot.routing.artifact import load_artifact
from entrepot.routing.checks import STRONG, WEAK, made_up_outcomes
from entrepot.routing.ensemble import EnsembleRouter
from entrepot.routing.rehearsal import rehearsal_of


def a_dataset(prompts: int = 60, seed: int = 7, dates: tuple[str, ...] = ()) -> Dataset:
    outcomes = made_up_outcomes(prompts, seed)
    ids = tuple(f"{seed}-{number}" for number in range(prompts))
    return Dataset(outcomes, ids, ("",) * prompts, ("",) * prompts, dates=dates)


@pytest.fixture(scope="module")
def router() -> EnsembleRouter:
    return EnsembleRouter(rank=20, folds=2).fit(a_dataset().outcomes)


def test_what_was_learned_from_is_predicted_by_fits_that_had_not_seen_it(router: EnsembleRouter) -> None:
    sample = draw_sample(router, a_dataset(), None, most=MOST_PROMPTS, data="票据", date="2026-11-22")
    assert np.allclose(sample.p_correct, router.cross_fitted()[0], atol=1e-6)
    assert np.allclose(sample.quality, router.design_.correct, equal_nan=True)
    assert not sample.learned.any()
    assert (sample.data, sample.date) == ("票据", "2026-11-22")


def test_of_three_hundred_prompts_a_third_settles_the_order() -> None:
    many = a_dataset(330)
    fitted = EnsembleRouter(rank=10, folds=2).fit(many.outcomes)
    assert draw_sample(fitted, many, None, most=MOST_PROMPTS, data="", date="").learned.sum() == 110
    assert draw_sample(fitted, many, None, most=299, data="", date="").learned.sum() == 0


def test_outcomes_kept_for_calibration_are_predicted_by_the_fit_itself(router: EnsembleRouter) -> None:
    held_out = a_dataset(20, seed=8)
    sample = draw_sample(router, a_dataset(), held_out, most=MOST_PROMPTS, data="", date="")
    assert sample.learned.tolist() == [True] * 60 + [False] * 20
    bound = router.bind((STRONG, WEAK), {})
    for row, prompt in enumerate(held_out.outcomes.prompts, 60):
        assert np.allclose(sample.p_correct[row, :2], bound.predict(prompt).p_correct, atol=1e-6)
    assert np.nanmean(sample.quality[60:, 0]) > 0.8


def test_the_newest_prompts_are_kept() -> None:
    dates = tuple(f"2026-11-{1 + number % 20:02d}" for number in range(60))
    kept = newest(a_dataset(dates=dates), 9, np.random.default_rng(0))
    assert {dates[i] for i in kept} == {"2026-11-18", "2026-11-19", "2026-11-20"}
    assert kept.tolist() == sorted(kept.tolist())


def test_a_trained_router_remembers_without_words_and_a_prior_without_outcomes(tmp_path: Path) -> None:
    path = tmp_path / "mine.router"
    for promises in (True, False):
        trained = train(
            a_dataset(),
            scores={},
            aliases={},
            window="undated",
            sources=("票据.jsonl",),
            fitted_on="2026-11-22",
            promises=promises,
        )
        save_artifact(trained.artifact, path)
        read = load_artifact(path)
        assert read.version == trained.artifact.version
        found = rehearsal_of(read.router().bind((STRONG, WEAK), {}))
        assert found is not None
        assert np.isnan(found.quality).all() == (not promises)
        assert (found.data, found.date) == ("票据.jsonl", "2026-11-22")
        assert trained.artifact.sample is not None
        assert np.allclose(found.p_correct[:, 0], trained.artifact.sample.p_correct[:, 0], atol=1e-3)


def test_the_day_of_outcomes_is_that_of_the_last_that_has_one(tmp_path: Path) -> None:
    dated = a_dataset(dates=("2026-11-19T08:00:00+00:00",) + ("",) * 59)
    found = train(dated, scores={}, aliases={}, window="undated", sources=("a",), fitted_on="2026-11-22")
    assert found.artifact.sample is not None
    assert found.artifact.sample.date == "2026-11-19"


def test_outcomes_say_when_they_were_had(tmp_path: Path) -> None:
    prompts, outcomes = tmp_path / "prompts.jsonl", tmp_path / "outcomes.jsonl"
    prompts.write_text('{"prompt_id": "1", "prompt": "请总结"}\n{"prompt_id": "2", "prompt": "Why?"}\n')
    rows = [("1", "a", "2026-11-01T10:00:00Z"), ("1", "b", "2026-11-02T10:00:00Z"), ("2", "a", None)]
    outcomes.write_bytes(
        b"\n".join(msgspec.json.encode({"prompt_id": i, "model": m, "correct": 1, "at": at}) for i, m, at in rows)
    )
    found = read_dataset([outcomes], [prompts])
    assert found.dates == ("2026-11-02T10:00:00Z", "")
    assert found.only(np.array([1])).dates == ("",)
    with pytest.raises(DataError):
        read_dataset([], [prompts])
