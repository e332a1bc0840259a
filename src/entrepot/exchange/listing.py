"""What a caller may ask for, as the lists of models show it."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from entrepot.catalog.schema import Deployment
from entrepot.exchange.plan import Route

OURS = "entrepot"


class Listed(msgspec.Struct, frozen=True):
    """One name. `owner` is the model's maker, `entrepot` for a route. Limits are in tokens, None where unknown or not one.

    `answers` and `embeds` say what may be asked of it.
    """

    name: str
    owner: str
    answers: bool
    embeds: bool
    context_tokens: int | None = None
    max_output_tokens: int | None = None


def list_choice(
    name: str, route: Route | None, answering: Sequence[Deployment], embedding: Sequence[Deployment]
) -> Listed:
    """The name with what its deployments, of which there is at least one, have in common: the least of their limits."""
    deployments = answering or embedding
    contexts = [one.context_tokens for one in deployments if one.context_tokens is not None]
    outputs = [one.max_output_tokens for one in deployments if one.max_output_tokens is not None]
    return Listed(
        name=name,
        owner=OURS if route is not None else deployments[0].maker,
        answers=bool(answering),
        embeds=bool(embedding),
        context_tokens=min(contexts, default=None),
        max_output_tokens=min(outputs, default=None),
    )
