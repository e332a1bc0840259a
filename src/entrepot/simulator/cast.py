"""Who plays in the demonstration: six stand-ins named after real deployments of the catalog.

Rules of this file: names, makers, places and prices are the catalog's, and so is the score that a stand-in's skill is made
of (`models.py`). What the catalog cannot know is stated here and in what the demonstration prints: how long answers are,
how fast they come, and what running a model on one's own machine costs.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Protocol

import msgspec

from entrepot.catalog.load import Catalog, build_deployment
from entrepot.catalog.price import Price
from entrepot.catalog.schema import Deployment
from entrepot.errors import CatalogError
from entrepot.simulator.models import skill_from_score
from entrepot.simulator.plan import Plan, StandInModel, StandInProvider

BENCHMARK = "gpqa-diamond"
FRONTIER = "openai/gpt-6.1-sol"

OWN_MACHINE = Price(
    input_per_mtok=Decimal("0.05"),
    output_per_mtok=Decimal("0.20"),
    source="assumed by the demonstration: power and hardware of one's own machine",
    as_of="2026-11-22",
)


class Role(msgspec.Struct, frozen=True):
    """One stand-in. `verbosity` and `reasoning_tokens` are typical lengths of its answers, in tokens."""

    provider: str
    model: str
    region: str | None
    verbosity: int
    reasoning_tokens: int
    first_token_ms: float
    price: Price | None = None


class Player(msgspec.Struct, frozen=True):
    """A stand-in with the facts it was made of. `score` is a fraction of 1."""

    deployment: Deployment
    score: float
    skill: float


class Cast(msgspec.Struct, frozen=True):
    """All stand-ins, and the plan by which a simulator plays them."""

    players: tuple[Player, ...]
    plan: Plan


class Places(Protocol):
    """Where the simulator listens (`process.Addresses`)."""

    def base_url(self, provider: str) -> str:
        """The base URL of a provider."""
        ...


ROLES = (
    Role("openai", "gpt-6.1-sol", "us", 60, 1000, 60),
    Role("anthropic", "claude-sonnet-5-5", None, 80, 900, 60),
    Role("deepseek", "deepseek-v4-pro-0813", None, 70, 1300, 50),
    Role("alibaba", "qwen3.7-plus", "singapore", 70, 1200, 45),
    Role("mistral", "glm-5.3-flash", "eu", 60, 1200, 40),
    Role("ollama", "qwen3.6-27b", None, 55, 1500, 25, OWN_MACHINE),
)


def build_cast(catalog: Catalog, *, seed: int, tasks: int, key: str, roles: Sequence[Role] = ROLES) -> Cast:
    """The stand-ins, all of which expect `key`. Raises CatalogError if the catalog lacks one of them or its score."""
    players, providers = [], []
    for role in roles:
        listed = role.price or catalog.price_of(role.provider, role.model, role.region)
        # the base price at any hour of any day, so that one demonstration costs as much as the next
        price = None if listed is None else msgspec.structs.replace(listed, windows=(), services=(), changes=())
        deployment = _spoken(build_deployment(catalog, role.provider, role.model, role.region, price=price))
        score = _score(catalog, role.model)
        players.append(Player(deployment, score, skill_from_score(score)))
        model = StandInModel(
            name=deployment.upstream_name,
            price=deployment.price,
            skill=skill_from_score(score),
            verbosity=role.verbosity,
            reasoning_tokens=role.reasoning_tokens,
            first_token_ms=role.first_token_ms,
        )
        providers.append(StandInProvider(role.provider, (model,), key, deployment.dialect))
    return Cast(tuple(players), Plan(providers=tuple(providers), seed=seed, tasks=tasks))


def place(players: Sequence[Player], places: Places, secret: str) -> tuple[Deployment, ...]:
    """The deployments at the addresses where they are simulated; `secret` is the reference to their key."""
    return tuple(
        msgspec.structs.replace(
            player.deployment,
            base_url=places.base_url(player.deployment.provider),
            auth="bearer",
            secret=secret,
        )
        for player in players
    )


def _spoken(deployment: Deployment) -> Deployment:
    """In OpenAI's dialect: elsewhere a model reasons only where it is asked to, and its published score is of one that does."""
    return msgspec.structs.replace(deployment, dialect="openai-chat", quirks=frozenset())


def _score(catalog: Catalog, model: str) -> float:
    for score in catalog.model(model).scores:
        if score.benchmark == BENCHMARK:
            return float(score.score)
    raise CatalogError(f"the catalog has no {BENCHMARK} score of '{model}', which the demonstration needs")
