"""Promises kept honest: fresh outcomes are held against them, and promises are made anew on a moving window.

What stands for a route is first what its router's file gives. Fresh prompts that it was not tested on are held against it by an
alarm that may be looked at whenever one likes; if it is raised the promise is withdrawn, and the reference takes over. Else
after every `RENEW_AFTER` fresh prompts, or when prices change, the promise is made anew on the newest. One that was withdrawn
comes back only on outcomes that came after the broken one was made.

Rules of this file: decides on what it is given; files are read and written by `Recalibrator` alone.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import threading
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

import msgspec
import numpy as np
from numpy.typing import NDArray

from entrepot.catalog.lookup import Catalog
from entrepot.errors import DataError
from entrepot.exchange.choices import Choices
from entrepot.exchange.knobs import Rehearsed
from entrepot.learning.fresh import Fresh, Sources, Stamp, predict_fresh
from entrepot.learning.promises import Promises, Standing, read_promises, write_promises
from entrepot.routing.base import BoundRouter, ModelFacts, Router
from entrepot.routing.guarantee import Alarm, Promise
from entrepot.routing.rehearsal import Rehearsal, rehearsal_of
from entrepot.routing.worth import Expected, Knob, choose

RENEW_AFTER = 100
ALARM_ERROR = 0.01
_HOUR_S = 3600
log = logging.getLogger(__name__)


class Recalibrator:
    """Keeps the promises of an installation; `run_once` as often as one likes, for it does nothing where nothing changed.

    `bound` is the router bound to every model of the routes, `names` says which of them outcome files mean by a name.
    """

    def __init__(
        self, choices: Choices, bound: BoundRouter, names: Mapping[str, str], sources: Sources, directory: str | Path
    ) -> None:
        self._choices = choices
        self._bound = bound
        self._names = names
        self._sources = sources
        self._directory = Path(directory)
        self._stamp: Stamp | None = None
        self._hour = -1
        self._fresh: Fresh | None = None
        self._trouble = ""

    def run_once(self, now_s: float) -> bool:
        """Look at what came, and write down what stands, if that is something else than before; whether it is.

        `now_s` is Unix time. What cannot be read is logged once, and what stood goes on standing.
        """
        stamp, hour = self._sources.stamp(), int(now_s // _HOUR_S)
        if (stamp, hour) == (self._stamp, self._hour):
            return False
        try:
            if stamp != self._stamp:
                self._fresh = self._read(now_s)
            before = read_promises(self._directory)
            after = self._settle(before, now_s)
            if after != before:
                write_promises(self._directory, after)
        except DataError as error:
            if error.message != self._trouble:
                log.error("promises stand as they were: %s", error.message)
            self._trouble = error.message
            self._stamp = stamp  # nothing is gained by reading the same again
            return False
        self._stamp, self._hour, self._trouble = stamp, hour, ""
        return after != before

    def _read(self, now_s: float) -> Fresh | None:
        dataset = self._sources.read()
        if dataset is None:
            return None
        remembered = rehearsal_of(self._bound)
        known = frozenset[bytes]() if remembered is None else remembered.known
        return predict_fresh(self._bound, dataset, self._names, known, "fresh outcomes", _moment(now_s)[:10])

    def _settle(self, before: Promises, now_s: float) -> Promises:
        remembered = rehearsal_of(self._bound)
        routes = {}
        for name, past in self._choices.rehearse(now_s).items():
            about = past.about(self._choices.router_version)
            standing = before.routes.get(name)
            route = Keeping(name, past, about, remembered, self._fresh, self._sources.last, _moment(now_s))
            routes[name] = (
                route.settle(standing) if standing is None or standing.about == about else route.renew(standing)
            )
        return Promises(routes)


def build_recalibrator(
    choices: Choices,
    router: Router,
    catalog: Catalog,
    facts: Mapping[str, ModelFacts],
    sources: Sources,
    directory: str,
) -> Recalibrator:
    """What keeps the promises of these choices.

    Outcome files may name a model as the catalog does, by any of its names there, or by a deployment of it.
    """
    deployments = [one for past in choices.rehearse(0.0).values() for one in past.deployments]
    models = tuple(dict.fromkeys(one.model for one in deployments))
    names = {name: one.id for one in catalog.models if one.id in models for name in one.names}
    names.update((one.id, one.model) for one in deployments)
    names.update((model, model) for model in models)
    return Recalibrator(choices, router.bind(models, facts), names, sources, directory)


class Keeping(msgspec.Struct, frozen=True, eq=False):
    """One route's promise and all that speaks for and against it. `remembered` comes with the router, `fresh` came later."""

    name: str
    past: Rehearsed
    about: str
    remembered: Rehearsal | None
    fresh: Fresh | None
    last: int
    now: str

    def settle(self, standing: Standing | None) -> Standing:
        """What stands from now on."""
        if standing is None:
            standing = self._made(self.past.on(self.remembered).compile(), ())
        if self.past.route.goal.confidence is None:
            return self._unpromised(standing)
        newer = self._newer(standing)
        if standing.alarm_at is not None:
            return self._after_alarm(standing, newer)
        knob = standing.knob
        watched = self._losses(knob, newer)
        if knob is not None and knob.promise is not None and not knob.refused and len(watched):
            alarm = Alarm(knob.promise.max_loss, ALARM_ERROR)
            if alarm.observe(watched.tolist()):
                return self._withdrawn(standing, knob, knob.promise, watched)
        due = len(newer) > 0 and (knob is None or knob.refused or len(watched) >= RENEW_AFTER)
        if due or standing.prices != self.past.prices:
            counted = list(range(len(self.fresh.digests))) if due and self.fresh else self._counted(standing)
            return self._made(self.past.on(self._window(counted)).compile(), counted)
        lost = float(watched.mean()) if len(watched) else 0.0
        return msgspec.structs.replace(standing, watched=len(watched), lost=lost)

    def renew(self, standing: Standing) -> Standing:
        """What stands from now on where the router or the route is another than that of `standing`.

        All that came speaks, once more. But a change of router alone does not bring back what was withdrawn: that takes what came
        after it was made, as ever.
        """
        if standing.alarm_at is not None and standing.settings == self.past.about(""):
            return self._after_alarm(
                msgspec.structs.replace(standing, about=self.about, watched=0), self._newer(standing)
            )
        counted = [] if self.fresh is None else list(range(len(self.fresh.digests)))
        return self._made(self.past.on(self._window(counted)).compile(), counted)

    def _unpromised(self, standing: Standing) -> Standing:
        """Where nothing is promised, what comes in counts at once."""
        counted = [] if self.fresh is None else list(range(len(self.fresh.digests)))
        if standing.prices == self.past.prices and len(counted) == len(standing.counted):
            return standing
        return self._made(self.past.on(self._window(counted)).compile(), counted)

    def _after_alarm(self, standing: Standing, newer: list[int]) -> Standing:
        """A promise that was broken is made again only on what came after it was made, and not on what broke it alone."""
        if self.fresh is None or len(newer) <= standing.watched:
            return standing
        knob = self.past.on(self.fresh.only(newer).past).compile()
        if knob is None or knob.refused:
            return standing
        log.warning("route %s: promised again: %s", self.name, knob.promise)
        return self._made(knob, list(range(len(self.fresh.digests))))

    def _withdrawn(self, standing: Standing, knob: Knob, promise: Promise, watched: NDArray[np.float64]) -> Standing:
        lost = float(watched.mean())
        told = f"on {len(watched):,} fresh prompts until {self.now[:10]} {100 * lost:.1f} points were lost on average"
        promise = msgspec.structs.replace(promise, setting=None, withdrawn=told)
        log.error("route %s: %s", self.name, promise)
        return msgspec.structs.replace(
            standing,
            knob=msgspec.structs.replace(knob, promise=promise),
            watched=len(self._newer(standing)),
            lost=lost,
            alarm_at=self.now,
        )

    def _made(self, knob: Knob | None, counted: list[int] | tuple[int, ...]) -> Standing:
        digests = frozenset(self.fresh.digests[i] for i in counted) if self.fresh is not None else frozenset[str]()
        return Standing(knob, self.about, self.past.prices, self.now, digests, settings=self.past.about(""))

    def _newer(self, standing: Standing) -> list[int]:
        digests = () if self.fresh is None else self.fresh.digests
        return [i for i, digest in enumerate(digests) if digest not in standing.counted]

    def _counted(self, standing: Standing) -> list[int]:
        digests = () if self.fresh is None else self.fresh.digests
        return [i for i, digest in enumerate(digests) if digest in standing.counted]

    def _window(self, counted: list[int]) -> Rehearsal | None:
        """The newest prompts to test on, fresh ones last; beside them those that settled the order."""
        past = self.remembered
        if self.fresh is not None and counted:
            fresh = self.fresh.only(counted).past
            past = fresh if past is None else past.joined(fresh)
        if past is None:
            return None
        tested = np.flatnonzero(~past.learned)[-self.last :]
        return past.only(np.sort(np.concatenate([np.flatnonzero(past.learned), tested])))

    def _losses(self, knob: Knob | None, rows: list[int]) -> NDArray[np.float64]:
        """What the knob's choice lost on fresh prompts, of those for which both outcomes are there."""
        if knob is None or self.fresh is None or not rows:
            return np.zeros(0)
        expected = self.past.on(self.fresh.only(rows).past).expected()
        if expected is None:
            return np.zeros(0)
        return losses_of(expected, knob, self.past.route.reference or "")


class Keeper(Protocol):
    """What keeps promises: a recalibrator, or what makes another one when the router changes."""

    def run_once(self, now_s: float) -> bool:
        """See `Recalibrator.run_once`."""
        ...


async def recalibrate(recalibrator: Keeper, stop: asyncio.Event, interval_s: float = 1.0) -> None:
    """Look again and again until told to stop, in a thread that yields to all else. A defect is logged, and looked past."""
    while not stop.is_set():
        try:
            await asyncio.to_thread(_at_low_priority, recalibrator)
        except Exception:  # whatever is wrong with the promises, the ledger has to be written on
            log.exception("promises stand as they were")
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), interval_s)


def _at_low_priority(recalibrator: Keeper) -> None:
    with contextlib.suppress(OSError, AttributeError):  # where a thread has no priority of its own
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), 10)
    recalibrator.run_once(time.time())


def losses_of(expected: Expected, knob: Knob, reference: str) -> NDArray[np.float64]:
    """Reference minus chosen, prompt by prompt; a prompt for which one of the two outcomes is missing tells nothing."""
    if knob.among is not None:
        expected = expected.among([i for i, id_ in enumerate(expected.deployments) if id_ in knob.among])
    if reference not in expected.deployments or not len(expected.learned):
        return np.zeros(0)
    at = expected.deployments.index(reference)
    chosen = choose(expected, at, [knob.worth_usd])
    losses = expected.quality[:, at] - np.take_along_axis(expected.quality, chosen, axis=1)[:, 0]
    return np.asarray(losses[~np.isnan(losses)], np.float64)


def _moment(now_s: float) -> str:
    return datetime.fromtimestamp(now_s, UTC).isoformat(timespec="seconds")
