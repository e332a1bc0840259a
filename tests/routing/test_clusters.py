from __future__ import annotations

from entrepot.routing.checks import check_learns, check_router
from entrepot.routing.clusters import ClustersRouter


def test_keeps_what_every_router_must() -> None:
    check_router(lambda: ClustersRouter(clusters=6))


def test_tells_hard_prompts_and_strong_models_apart() -> None:
    check_learns(lambda: ClustersRouter(clusters=6))
