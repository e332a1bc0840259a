from __future__ import annotations

from entrepot.routing.checks import check_learns, check_router
from entrepot.routing.neighbors import NeighborsRouter


def test_keeps_what_every_router_must() -> None:
    check_router(lambda: NeighborsRouter(neighbors=15))


def test_tells_hard_prompts_and_strong_models_apart() -> None:
    check_learns(lambda: NeighborsRouter(neighbors=15))
