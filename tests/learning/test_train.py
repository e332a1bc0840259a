from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest

from entrepot.catalog.load import load_catalog
from entrepot.errors import ArtifactError
from entrepot.learning.outcomes import Dataset
from entrepot.learning.train import Trained, names_and_scores, save_artifact, train
from entrepot.routing.artifact import load_artifact
from entrepot.routing.base import Prompt
from entrepot.routing.checks import STRONG, WEAK, made_up_outcomes


@pytest.fixture(scope="module")
def trained() -> Trained:
    outcomes = made_up_outcomes()
    ids = tuple(str(number) for number in range(len(outcomes.prompts)))
    dataset = Dataset(outcomes, ids, ("",) * len(ids), ("",) * len(ids))
    return train(dataset, scores={}, aliases={}, window="2026-10", sources=("made up",), fitted_on="2026-11-22")


def test_the_provenance_says_what_the_fit_rests_on(trained: Trained) -> None:
    provenance = trained.artifact.provenance
    assert (provenance.window, provenance.sources, provenance.prompts) == ("2026-10", ("made up",), 60)
    assert provenance.outcomes == len(made_up_outcomes().correct)


def test_the_figures_are_of_all_models_and_of_each(trained: Trained) -> None:
    assert [figures.model for figures in trained.figures] == ["all models", STRONG, WEAK, "maker/sparse"]
    pooled = trained.figures[0]
    assert pooled.outcomes == len(made_up_outcomes().correct)
    assert pooled.auc > 0.7
    assert 0 <= pooled.ece < 0.2


def test_a_saved_router_is_read_back_under_the_same_name(trained: Trained, tmp_path: Path) -> None:
    path = tmp_path / "new folder" / "mine.router"
    save_artifact(trained.artifact, path)
    read = load_artifact(path)
    assert read.version == trained.artifact.version
    estimates = read.router().bind((STRONG, WEAK), {}).predict(Prompt("What is 3 plus 4?", 8))
    assert estimates.p_correct[0] > 0.5
    assert [file.name for file in path.parent.iterdir()] == ["mine.router"]


def test_a_file_that_cannot_be_written_is_named(trained: Trained, tmp_path: Path) -> None:
    (tmp_path / "taken").mkdir()
    with pytest.raises(ArtifactError, match="taken"):
        save_artifact(trained.artifact, tmp_path / "taken")


def test_the_catalog_names_models_and_gives_their_scores() -> None:
    aliases, scores = names_and_scores(load_catalog(), ("mixtral-8x7b", "gpt-4o-2024-08-06", "not in any catalog"))
    assert aliases == {"mixtral-8x7b": "mixtral-8x7b-instruct-v0.1"}
    assert set(scores) == {"mixtral-8x7b-instruct-v0.1", "gpt-4o-2024-08-06"}
    assert all(0 < score < 1 for by_benchmark in scores.values() for score in by_benchmark.values())
    assert not any(isinstance(s, Decimal | np.generic) for by in scores.values() for s in by.values())
