from __future__ import annotations

from entrepot.app import model_facts
from entrepot.catalog.load import load_catalog
from entrepot.routing.artifact import default_artifact_path, load_artifact
from entrepot.routing.base import ModelFacts, Prompt


def test_a_router_hears_of_a_models_scores_and_of_its_other_names() -> None:
    catalog = load_catalog()
    facts = model_facts(catalog)
    assert set(facts) == {model.id for model in catalog.models}
    model = next(model for model in catalog.models if model.names and model.scores)
    assert facts[model.id].names == model.names
    assert facts[model.id].scores == {score.benchmark: score.score for score in model.scores}


def test_a_model_known_to_the_router_by_another_name_is_estimated_from_its_outcomes() -> None:
    router = load_artifact(default_artifact_path()).router()
    trained = router.fitted_.members.heads.models[0]
    bound = router.bind(["renamed"], {"renamed": ModelFacts({}, names=(trained,))})
    assert bound.predict(Prompt("Why?", 5)).basis == ("outcomes",)
