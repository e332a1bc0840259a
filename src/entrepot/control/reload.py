"""How a change reaches a running gateway: it looks for one a few times a second, and goes on with what it finds.

Rules of this file: keyrings and planners are never changed, others take their place, so no request under way is touched.
Where the store cannot be read, what was last read stays in force, and that is said once; a gateway that could never read it
does not start, because it would serve without rules that somebody relies on. All reading is off the event loop.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Hashable

from entrepot.control.in_force import put_in_force
from entrepot.control.metering import build_book, build_limits
from entrepot.control.objects import Snapshot
from entrepot.control.place import ControlPlace
from entrepot.control.store import ControlStore
from entrepot.drive.admit import Admission
from entrepot.errors import ControlError, EntrepotError
from entrepot.exchange.plan import Route
from entrepot.exchange.planning import Planner
from entrepot.policy.rules import Rule
from entrepot.routing.correction import Learned
from entrepot.server.aftermath import outcome_plans
from entrepot.server.afterwards import Afterwards
from entrepot.server.authenticate import Keyring
from entrepot.server.endpoints import Gateway
from entrepot.server.inspection import Inspector
from entrepot.settings.schema import Settings

INTERVAL_S = 0.3
_log = logging.getLogger("entrepot.control")


class Watch:
    """Sees when the control store of an installation has changed."""

    def __init__(self, place: ControlPlace) -> None:
        self._place = place
        self._store: ControlStore | None = None
        self._seen: Hashable = object()

    def begin(self) -> Snapshot:
        """What is kept, or was last known of a database that is away. Raises ControlError where nothing is known."""
        try:
            return self.look() or Snapshot()
        except ControlError as error:
            known = self._place.last_known(error)
            _log.error("what was known %.0f s ago is in force: %s", time.time() - known.read_s, error.message)
            return known.snapshot

    def look(self) -> Snapshot | None:
        """What is kept, if that may be something else than at the last look. Raises ControlError."""
        try:
            if self._store is None:
                self._store = self._place.open_reader()
            state = self._store.state()
            if state == self._seen:
                return None
            snapshot = self._place.read(self._store)
        except ControlError:
            self.close()
            raise
        self._seen = state
        return snapshot

    def close(self) -> None:
        """Close the store; the next look opens it again, and finds what is kept."""
        if self._store is not None:
            self._store.close()
        self._store, self._seen = None, object()


async def follow(watch: Watch, adopt: Callable[[Snapshot], None], *, interval_s: float = INTERVAL_S) -> None:
    """Hand each new state to `adopt`, which is called off the event loop, until cancelled. What fails is tried again."""
    trouble = ""

    def look() -> None:
        snapshot = watch.look()
        if snapshot is None:
            return
        try:
            adopt(snapshot)
        except BaseException:
            watch.close()  # the next look finds it again
            raise

    while True:
        await asyncio.sleep(interval_s)
        try:
            await asyncio.to_thread(look)
            trouble = ""
        except EntrepotError as error:
            if error.message != trouble:
                _log.error("what was read before stays in force: %s", error.message)
            trouble = error.message


class Reloader:
    """Gives a gateway what is in force. The planner is built anew only where rules, routes or router are others."""

    def __init__(
        self,
        settings: Settings,
        in_force: Settings,
        build: Callable[[Settings], tuple[Planner, Inspector]],
        gateway: Gateway,
        admission: Admission | None = None,
        after: Afterwards | None = None,
    ) -> None:
        """`settings` are the file's, `in_force` those of `gateway` now; `build` makes what depends on the rest."""
        self._settings = settings
        self._planned = _planned_by(in_force)
        self._build = build
        self._gateway = gateway
        self._admission = admission
        self._after = after

    def adopt(self, snapshot: Snapshot) -> None:
        """Let the gateway go on with the settings and this."""
        settings = put_in_force(self._settings, snapshot)
        if _planned_by(settings) != self._planned:
            self._gateway.plan_with(*self._build(settings))
            if self._after is not None:
                self._after.adopt(outcome_plans(settings))
            self._planned = _planned_by(settings)
        self._gateway.admit_by(build_keyring(settings))
        if self._admission is not None:
            self._admission.adopt(build_book(settings), build_limits(settings))


def _planned_by(settings: Settings) -> tuple[tuple[Rule, ...], tuple[Route, ...], Learned | None]:
    """What a planner is made of that the control store has a part in."""
    return settings.rules, settings.routes, settings.learned


def build_keyring(settings: Settings) -> Keyring:
    """The keyring of these settings."""
    return Keyring(settings.keys, settings.teams, settings.gateway.trusted_proxies)
