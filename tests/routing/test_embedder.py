"""An embedding model of somebody's joins the features of a router that is fitted with it, and of no other."""

from __future__ import annotations

import importlib.metadata
from pathlib import Path

import numpy as np
import pytest

from entrepot.errors import OperatorError
from entrepot.routing.artifact import Artifact, Provenance, load_artifact, render_artifact
from entrepot.routing.base import Floats, Outcomes, Prompt
from entrepot.routing.checks import check_router
from entrepot.routing.embedder import embed, load_embedder
from entrepot.routing.ensemble import EnsembleRouter
from entrepot.routing.features import BUCKETS, STRUCTURE
from entrepot.routing.featurizer import Featurizer

PROVENANCE = Provenance("2026-11", ("made up",), 80, 160, "2026-11-22")


class Topics:
    """Knows what n-grams cannot: that a word is of the sea or of the land."""

    name = "topics"
    dimensions = 2

    def embed(self, text: str) -> Floats:
        sea = sum(word in text for word in ("船", "port", "tide", "鱼"))
        return np.array([sea, 1.0 - sea], np.float32)


class Wrong(Topics):
    name = "wrong"

    def embed(self, text: str) -> Floats:
        return np.array([np.nan, 1.0, 2.0], np.float32)


class Misnamed(Topics):
    name = "elsewhere"


@pytest.fixture(autouse=True)
def installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A package that offers them, as far as the interpreter can tell."""
    offered = {"topics": "Topics", "wrong": "Wrong", "misnamed": "Misnamed", "nothing": "PROVENANCE"}
    points = importlib.metadata.EntryPoints(
        importlib.metadata.EntryPoint(name, f"{__name__}:{place}", "entrepot.embedders")
        for name, place in offered.items()
    )
    monkeypatch.setattr("entrepot.plugins.entry_points", points.select)


def some_outcomes() -> Outcomes:
    """Two models: the one is right about the sea, the other about the land; no word of a prompt is in another."""
    texts = [
        f"word{number} {('船', 'port', 'tide', '鱼')[number % 4] if number % 2 else 'field'}" for number in range(80)
    ]
    prompts = tuple(Prompt(text=text, input_tokens=5) for text in texts)
    sea = np.array([Topics().embed(text)[0] > 0 for text in texts])
    return Outcomes(
        prompts=prompts,
        models=("sailor", "farmer"),
        prompt=np.repeat(np.arange(80, dtype=np.int32), 2),
        model=np.tile(np.array([0, 1], np.int32), 80),
        correct=np.column_stack([sea, ~sea]).ravel().astype(np.float32),
        output_tokens=np.full(160, 20, np.float32),
        weight=np.ones(160, np.float32),
    )


def test_its_dimensions_stand_behind_the_structure() -> None:
    featurizer = Featurizer(load_embedder("topics"))
    prompts = some_outcomes().prompts
    featurizer.fit(*featurizer.read(prompts))
    row = featurizer.row(prompts[1])
    assert featurizer.columns == len(row) == BUCKETS + len(STRUCTURE) + 2 + 1
    assert row[-3] > 0 > row[-2]
    assert np.allclose(featurizer.rows(*featurizer.read(prompts[1:2]))[0], row)


def test_a_router_fitted_with_it_is_kept_with_its_name_and_says_the_same(tmp_path: Path) -> None:
    router = EnsembleRouter(embedder=load_embedder("topics")).fit(some_outcomes())
    file = tmp_path / "topics.router"
    file.write_bytes(render_artifact(Artifact(router.fitted_, PROVENANCE)))
    loaded = load_artifact(file).router()
    unseen = Prompt(text="the tide was never a word of training's", input_tokens=9)
    kept, made = (one.bind(["sailor", "farmer"], {}).predict(unseen).p_correct for one in (loaded, router))
    assert kept == pytest.approx(made, abs=0.01)
    assert kept[0] > 0.5 > kept[1]


def test_it_keeps_the_contract_of_routers() -> None:
    check_router(lambda: EnsembleRouter(embedder=load_embedder("topics")))


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("absent", "no installed package offers 'absent'"),
        ("misnamed", "calls itself 'elsewhere'"),
        ("nothing", "is no embedder"),
    ],
)
def test_what_is_none_is_the_operators_error(name: str, told: str) -> None:
    with pytest.raises(OperatorError, match=told):
        load_embedder(name)


def test_what_it_gives_is_looked_at() -> None:
    with pytest.raises(OperatorError, match="'wrong' gave shape"):
        embed(load_embedder("wrong"), "text")
