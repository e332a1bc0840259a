"""Who may be asked for embeddings under a name.

Rules of this file: vectors of different models cannot be compared, so a name stands for one embedding model at most, whoever
asks: rules and health choose among that model's hosts only. What a route embeds with is known, never guessed: a deployment
whose capabilities nobody states may be asked by its own name, but is no candidate of a route.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from entrepot.canonical.capabilities import Capability
from entrepot.catalog.schema import Deployment
from entrepot.errors import EntrepotError, InvalidRequest
from entrepot.policy.eligibility import Eligibility, Gate
from entrepot.policy.rulebook import Rulebook

EMBEDS: frozenset[Capability] = frozenset({"embeddings"})


class EmbeddingChoice(msgspec.Struct, frozen=True, eq=False):
    """The deployments that a name stands for when embeddings are asked for, and their models: to be asked, one."""

    gate: Gate
    models: tuple[str, ...]


def embeds(deployment: Deployment) -> bool:
    """Whether it is known to embed, and so to do nothing else."""
    return deployment.capabilities is not None and "embeddings" in deployment.capabilities


def may_embed(deployment: Deployment) -> bool:
    """Whether it is not known to do something else."""
    return deployment.capabilities is None or embeds(deployment)


def choose_embedding(deployments: Sequence[Deployment], book: Rulebook) -> EmbeddingChoice | None:
    """These deployments, all of which may embed, compiled; None where there are none."""
    if not deployments:
        return None
    return EmbeddingChoice(Gate(deployments, book), tuple(dict.fromkeys(one.model for one in deployments)))


def several_models(name: str, models: Sequence[str]) -> EntrepotError:
    """Why a route of several embedding models is not asked."""
    return InvalidRequest(
        f"'{name}' stands for several embedding models ({', '.join(models)}), whose vectors cannot be compared: "
        "ask for one of them by its own name",
        param="model",
        code="several_embedding_models",
    )


def does_not_embed(name: str, eligibility: Eligibility) -> EntrepotError:
    """Why a name that stands for no embedding model is not asked."""
    why = dict.fromkeys(f"{one.deployment}: {one.reason}" for one in eligibility.rejected)
    why.update(
        (f"{one.id}: a provider of the {one.dialect} dialect does not embed", None) for one in eligibility.allowed
    )
    return InvalidRequest(
        f"nothing behind '{name}' makes embeddings ({'; '.join(list(why)[:5])}): ask for an embedding model by name",
        param="model",
        code="not_capable",
    )
