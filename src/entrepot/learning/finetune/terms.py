"""Whose answers a model may be trained on, by the catalog's facts and by what the operator says.

Rules of this file: pure. Two things have to allow it: the licence of the weights, and the terms of whoever hosts them, unless
that is the operator. What is not known is not allowed: the catalog states a licence only where its text was read, and of hosts
nothing. An operator who has read their terms says so, by the name of a model, a deployment or a provider; each ruling tells what
it rests on.
"""

from __future__ import annotations

from collections.abc import Mapping, Set

import msgspec

from entrepot.catalog.lookup import Catalog
from entrepot.catalog.schema import Licence


class Answering(msgspec.Struct, frozen=True):
    """Who gave an answer, as the ledger has it."""

    deployment: str
    model: str
    maker: str
    provider: str
    on_premises: bool


class Ruling(msgspec.Struct, frozen=True):
    """Whether an answer may be learned from, and why."""

    allowed: bool
    why: str


class Terms:
    """Rules on deployments. `told` are names that the operator vouches for; `licences` those of deployments, by id, where the
    settings say them.
    """

    def __init__(
        self, catalog: Catalog, told: Set[str] = frozenset(), licences: Mapping[str, str] | None = None
    ) -> None:
        self._catalog = catalog
        self._told = told
        self._licences = licences or {}
        self._known: dict[Answering, Ruling] = {}

    def rule_on(self, who: Answering) -> Ruling:
        """Whether what this deployment answered may be learned from."""
        found = self._known.get(who)
        if found is None:
            found = self._known[who] = self._weigh(who)
        return found

    def _weigh(self, who: Answering) -> Ruling:
        for what, name in (("deployment", who.deployment), ("model", who.model)):
            if name in self._told:
                return Ruling(True, f"told: the {what} {name}")
        named = self._licence_of(who)
        licence = None if named is None else self._catalog.find_licence(named)
        if licence is not None and not licence.training_on_output:
            return Ruling(False, f"the licence {_cite(licence)} forbids it")
        if who.provider in self._told:
            return Ruling(True, f"told: the provider {who.provider}")
        if licence is None:
            said = (
                "its licence is not known" if named is None else f"what its licence ({named}) says of it is not known"
            )
            return Ruling(False, f"{said}: where you have read the terms, name the model or the deployment")
        if not who.on_premises:
            told = f"the licence {_cite(licence)} allows it; what the terms of {who.provider} say of it is not known"
            return Ruling(False, f"{told}: where you have read them, name the provider")
        return Ruling(True, f"the licence {_cite(licence)}, on your own machines")

    def _licence_of(self, who: Answering) -> str | None:
        said = self._licences.get(who.deployment)
        if said is not None:
            return said
        model = self._catalog.find_model(who.model)
        return None if model is None else model.licence


def _cite(licence: Licence) -> str:
    return f"{licence.id} ({licence.source}, {licence.as_of})"
