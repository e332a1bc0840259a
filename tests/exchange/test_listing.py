from __future__ import annotations

from entrepot.exchange.listing import Listed, list_choice
from entrepot.exchange.plan import Route
from tests.exchange.things import a_deployment


def test_a_name_has_the_least_of_its_deployments_limits() -> None:
    long = a_deployment("a/m", context_tokens=9000, max_output_tokens=10)
    short = a_deployment("b/m", context_tokens=4000)
    unknown = a_deployment("c/m")
    assert list_choice("m", None, (long, short, unknown), ()) == Listed("m", "maker", True, False, 4000, 10)


def test_a_route_is_ours_and_a_name_may_only_embed() -> None:
    embedder = a_deployment("a/bge", context_tokens=512)
    assert list_choice("r", Route("r", ("a/bge",)), (), (embedder,)) == Listed("r", "entrepot", False, True, 512)
