from decimal import Decimal

import msgspec
import pytest

from entrepot.catalog.load import load_catalog
from entrepot.errors import CatalogError
from entrepot.simulator.cast import FRONTIER, OWN_MACHINE, ROLES, Cast, Role, build_cast, place
from entrepot.simulator.models import skill_from_score
from entrepot.simulator.process import Addresses
from entrepot.simulator.wires import WIRES

CATALOG = load_catalog()


@pytest.fixture
def cast() -> Cast:
    return build_cast(CATALOG, seed=3, tasks=40, key="sk-simulated")


def test_the_stand_ins_are_named_after_deployments_of_the_catalog_and_cost_what_those_cost(cast: Cast) -> None:
    for player, role in zip(cast.players, ROLES, strict=True):
        assert player.deployment.id == f"{role.provider}/{role.model}"
        listed = CATALOG.price_of(role.provider, role.model, role.region)
        priced = role.price or listed
        assert priced is not None
        assert player.deployment.price == msgspec.structs.replace(priced, windows=(), services=(), changes=())


def test_a_stand_in_is_as_skilled_as_its_published_score_says(cast: Cast) -> None:
    for player, provider in zip(cast.players, cast.plan.providers, strict=True):
        (model,) = provider.models
        scores = {each.benchmark: each.score for each in CATALOG.model(player.deployment.model).scores}
        assert player.score == float(scores["gpqa-diamond"])
        assert model.skill == player.skill == skill_from_score(player.score)
        assert model.name == player.deployment.upstream_name


def test_makers_and_places_differ_and_one_is_on_the_premises(cast: Cast) -> None:
    deployments = [player.deployment for player in cast.players]
    assert {"US", "CN"} <= {deployment.maker_country for deployment in deployments}
    assert {"US", "EU", "CN", "LOCAL"} <= {deployment.region for deployment in deployments}
    (local,) = [deployment for deployment in deployments if deployment.on_premises]
    assert local.price == OWN_MACHINE
    assert OWN_MACHINE.input_per_mtok > Decimal(0)
    assert FRONTIER in [deployment.id for deployment in deployments]


def test_placed_deployments_are_reached_where_they_are_simulated(cast: Cast) -> None:
    placed = place(
        cast.players,
        Addresses("http://127.0.0.1:9", {}, dict.fromkeys([role.provider for role in ROLES], "/v1")),
        "env:SOME_KEY",
    )
    assert [each.base_url for each in placed] == [f"http://127.0.0.1:9/{role.provider}/v1" for role in ROLES]
    assert {(each.auth, each.secret) for each in placed} == {("bearer", "env:SOME_KEY")}


def test_a_model_without_the_score_cannot_play() -> None:
    unscored = next(
        (provider.id, offer.model)
        for provider in CATALOG.providers
        for offer in provider.offers
        if not CATALOG.model(offer.model).scores and not provider.regions[0].base_url.count("{")
    )
    with pytest.raises(CatalogError, match="gpqa-diamond"):
        build_cast(CATALOG, seed=1, tasks=8, key="k", roles=(Role(*unscored, None, 1, 1, 1),))


def test_every_player_speaks_what_a_stand_in_can_speak(cast: Cast) -> None:
    assert {player.deployment.dialect for player in cast.players} <= WIRES.keys()
    spoken = [provider.dialect for provider in cast.plan.providers]
    assert spoken == [player.deployment.dialect for player in cast.players]
