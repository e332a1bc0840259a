"""The router that is in force, and what is compiled with it: the file that the settings name, or what was learned over it.

Rules of this file: a file is loaded once; what the control store says of the router (`control/routers.py`) comes with the
settings. Where a version's own file is not on this machine, the settings' file is used, and that is said.
"""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from entrepot.catalog.load import Catalog, load_catalog
from entrepot.control.in_force import put_in_force
from entrepot.control.place import control_place
from entrepot.control.reload import Watch
from entrepot.dialects.registry import PROVIDER_DIALECTS
from entrepot.errors import ArtifactError, ControlError, EntrepotError
from entrepot.exchange.choices import Choices
from entrepot.exchange.knobs import Workings
from entrepot.learning.fresh import Sources
from entrepot.learning.promises import Follower, promises_path
from entrepot.learning.recalibrate import Recalibrator, build_recalibrator, recalibrate
from entrepot.learning.shelf import shelved
from entrepot.routing.artifact import Artifact, default_artifact_path, load_artifact
from entrepot.routing.base import BoundRouter, ModelFacts
from entrepot.routing.correction import Learned
from entrepot.routing.ensemble import EnsembleRouter
from entrepot.routing.worth import Knob
from entrepot.settings.schema import Settings

log = logging.getLogger("entrepot.router")


def model_facts(catalog: Catalog) -> dict[str, ModelFacts]:
    """What a router may know of models beside outcomes."""
    return {
        model.id: ModelFacts(
            scores={score.benchmark: score.score for score in model.scores},
            reasoning=bool(model.reasoning),
            names=model.names,
        )
        for model in catalog.models
    }


def router_path(settings: Settings) -> Path:
    """The file that the settings name, or the one that ships."""
    return Path(settings.router) if settings.router else default_artifact_path()


def load_router(settings: Settings) -> Artifact:
    """The file of the router that the settings name, or of the one that ships. Raises ArtifactError."""
    return load_artifact(router_path(settings))


def check_router(settings: Settings) -> None:
    """Raises ArtifactError if the router that the settings name cannot be used: here, once, and not in every process."""
    if settings.router is not None:
        load_artifact(Path(settings.router))


def bind_router(settings: Settings, models: Sequence[str]) -> BoundRouter:
    """The router that is in force by these settings, for these models."""
    _, router = Routers(settings).get(settings.learned)
    return router.bind(models, model_facts(load_catalog()))


class Routers:
    """The routers of an installation: the file of its settings, and those that were learned over it."""

    def __init__(self, settings: Settings) -> None:
        """Raises ArtifactError."""
        self.file = load_router(settings)
        self._directory = settings.ledger.directory
        self._other: Artifact | None = None

    def get(self, learned: Learned | None) -> tuple[Artifact, EnsembleRouter]:
        """The router to use, with the file that it is made of."""
        if learned is None or learned.over != self.file.digest:
            return self.file, self.file.router()
        try:
            artifact = self._base(learned.base)
        except ArtifactError as error:
            log.error("router %s is not here, and %s is used: %s", learned.version, self.file.version, error.message)
            return self.file, self.file.router()
        return artifact, artifact.router().corrected(learned.correction, learned.version)

    def _base(self, digest: str) -> Artifact:
        if digest == self.file.digest:
            return self.file
        if self._other is None or self._other.digest != digest:
            self._other = load_artifact(shelved(self._directory, digest))
        return self._other


def choices_builder(settings: Settings, routers: Routers) -> Callable[[Settings], Choices]:
    """What compiles the names of these settings under other rules, routes and versions of the router.

    Prices are those of the moment of compiling.
    """
    facts = model_facts(load_catalog())
    workings, made = Workings(), routers.get(settings.learned)

    def build(in_force: Settings) -> Choices:
        nonlocal workings, made
        artifact, router = routers.get(in_force.learned)
        if router.version != made[1].version:
            workings, made = Workings(), (artifact, router)
        return Choices(
            deployments=settings.deployments,
            routes=in_force.routes,
            rules=in_force.rules,
            exchange_rates=settings.exchange_rates,
            dialects=PROVIDER_DIALECTS,
            router=made[1],
            facts=facts,
            votes=made[0].votes,
            confidence=made[0].confidence,
            at_s=time.time(),
            workings=workings,
        )

    return build


def find_knobs(settings: Settings) -> dict[str, Knob]:
    """What the routes' goals come to over all requests, and what is promised of them, by route."""
    choices = choices_builder(settings, Routers(settings))(settings)
    Follower(settings.ledger.directory).attach(choices)
    return choices.knobs


class PromiseKeeper:
    """Keeps the promises of routes with whichever router is in force; `run_once` as often as one likes."""

    def __init__(self, settings: Settings) -> None:
        """Raises ArtifactError."""
        self._settings = settings
        self._routers = Routers(settings)
        self._watch = Watch(control_place(settings, os.environ))
        self._learned: Learned | None = None
        self._recalibrator = self._build()

    def run_once(self, now_s: float) -> bool:
        """See `Recalibrator.run_once`."""
        try:
            snapshot = self._watch.look() if control_place(self._settings, os.environ).exists() else None
        except ControlError:
            snapshot = None  # who reads keys and rules says so
        if snapshot is not None:
            learned = put_in_force(self._settings, snapshot).learned
            if learned != self._learned:
                self._learned = learned
                self._recalibrator = self._build()
        return self._recalibrator.run_once(now_s)

    def _build(self) -> Recalibrator:
        settings, catalog = self._settings, load_catalog()
        in_force = msgspec.structs.replace(settings, learned=self._learned)
        fresh = Sources(settings.fresh.outcomes, settings.fresh.prompts, settings.fresh.last)
        choices = choices_builder(settings, self._routers)(in_force)
        _, router = self._routers.get(self._learned)
        return build_recalibrator(choices, router, catalog, model_facts(catalog), fresh, settings.ledger.directory)


async def keep_promises(settings: Settings, stop: asyncio.Event) -> None:
    """Keep the promises of routes until told to stop, where anything can change them: outcomes that come in, or prices that
    depend on the hour or the day.

    What it takes is made in a thread: loading a router takes half a second, in which the ledger has to be written on.
    """
    prices = [one.price for one in settings.deployments if one.price is not None]
    changes = settings.fresh.outcomes or any(price.windows or price.changes for price in prices)
    if not changes and not promises_path(settings.ledger.directory).exists():
        return
    try:
        await recalibrate(await asyncio.to_thread(PromiseKeeper, settings), stop)
    except EntrepotError as error:
        log.error("promises are not kept up: %s", error.message)
