"""Stand-ins for the deployments of somebody's own settings: same models, same prices, on this machine.

Rules of this file: prices are the deployments' base prices at any hour, so that one run costs as much as the next. Skill is
made of the model's published score, as in the demonstration (`cast.py`); a model without one is taken for middling.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import msgspec

from entrepot.catalog.load import Catalog
from entrepot.catalog.schema import Deployment
from entrepot.simulator.cast import BENCHMARK, Places
from entrepot.simulator.models import skill_from_score
from entrepot.simulator.plan import AnswerKey, Plan, StandInModel, StandInProvider

_MIDDLING = 0.6
_VERBOSITY, _REASONING_TOKENS = 60, 900


def plan_for(
    deployments: Sequence[Deployment], catalog: Catalog, keys: Sequence[AnswerKey], *, seed: int, secret: str
) -> Plan:
    """A plan in which each deployment has a stand-in provider of its own; all expect `secret`."""
    providers = tuple(
        StandInProvider(_host(number), (_stand_in(one, catalog),), secret) for number, one in enumerate(deployments)
    )
    return Plan(providers=providers, seed=seed, keys=tuple(keys))


def move(deployments: Sequence[Deployment], places: Places, secret: str) -> tuple[Deployment, ...]:
    """The deployments at the addresses of their stand-ins; `secret` is the reference to their key."""
    return tuple(
        msgspec.structs.replace(
            one,
            base_url=places.base_url(_host(number)),
            dialect="openai-chat",
            quirks=frozenset(),
            auth="bearer",
            secret=secret,
            price=None
            if one.price is None
            else msgspec.structs.replace(one.price, windows=(), services=(), changes=()),
        )
        for number, one in enumerate(deployments)
    )


def _host(number: int) -> str:
    return f"stand-in-{number}"


def _stand_in(deployment: Deployment, catalog: Catalog) -> StandInModel:
    model = catalog.find_model(deployment.model)
    scores = [] if model is None else [float(one.score) for one in model.scores if one.benchmark == BENCHMARK]
    pace = int(hashlib.sha256(deployment.id.encode()).hexdigest()[:4], 16) % 40
    price = deployment.price
    return StandInModel(
        name=deployment.upstream_name,
        price=None if price is None else msgspec.structs.replace(price, windows=(), services=(), changes=()),
        skill=skill_from_score(scores[0] if scores else _MIDDLING),
        verbosity=_VERBOSITY,
        reasoning_tokens=_REASONING_TOKENS if model is not None and model.reasoning else 0,
        first_token_ms=20.0 + pace,
    )
