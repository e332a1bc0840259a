"""How a change reaches a running gateway: it looks for one a few times a second, and goes on with what it finds.

Rules of this file: keyrings and planners are never changed, others take their place, so no request under way is touched.
Where the store cannot be read, what was last read stays in force, and that is said once; a gateway that could never read it
does not start, because it would serve without rules that somebody relies on. All reading is off the event loop.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from pathlib import Path

from entrepot.control.in_force import put_in_force
from entrepot.control.metering import build_book, build_limits
from entrepot.control.objects import Snapshot
from entrepot.control.store import ControlStore, control_path, open_control_reader
from entrepot.drive.admit import Admission
from entrepot.errors import ControlError, EntrepotError
from entrepot.exchange.planning import Planner
from entrepot.policy.rules import Rule
from entrepot.server.authenticate import Keyring
from entrepot.server.endpoints import Gateway
from entrepot.server.inspection import Inspector
from entrepot.settings.schema import Settings

INTERVAL_S = 0.3
_log = logging.getLogger("entrepot.control")


class Watch:
    """Sees when the control store of a directory has changed."""

    def __init__(self, directory: str | Path) -> None:
        """Raises ControlError if it cannot be read."""
        self._directory = directory
        self._store: ControlStore | None = None
        self._seen: tuple[int, int] | None = None

    def look(self) -> Snapshot | None:
        """What is kept, if that may be something else than at the last look. Raises ControlError."""
        try:
            store, seen = self._state()
            if seen == self._seen:
                return None
            snapshot = store.snapshot()
        except ControlError:
            self.close()
            raise
        self._seen = seen
        return snapshot

    def close(self) -> None:
        """Close the file."""
        if self._store is not None:
            self._store.close()
        self._store, self._seen = None, None

    def _state(self) -> tuple[ControlStore, tuple[int, int]]:
        """The store, and two numbers of which one changes with it: which file it is, and SQLite's own count."""
        try:
            inode = control_path(self._directory).stat().st_ino
        except OSError as error:
            raise ControlError(f"the control store {control_path(self._directory)}: {error.strerror}") from error
        if self._store is None or (self._seen is not None and self._seen[0] != inode):
            self.close()
            self._store = open_control_reader(self._directory)
        return self._store, (inode, self._store.data_version())


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
    """Gives a gateway what is in force. The planner is built anew only where rules are others than before."""

    def __init__(
        self,
        settings: Settings,
        rules: Sequence[Rule],
        build: Callable[[Sequence[Rule]], tuple[Planner, Inspector]],
        gateway: Gateway,
        admission: Admission | None = None,
    ) -> None:
        """`settings` are the file's, `rules` those with which `gateway` plans now; `build` makes what depends on rules."""
        self._settings = settings
        self._rules = rules
        self._build = build
        self._gateway = gateway
        self._admission = admission

    def adopt(self, snapshot: Snapshot) -> None:
        """Let the gateway go on with the settings and this."""
        settings = put_in_force(self._settings, snapshot)
        if settings.rules != self._rules:
            self._gateway.plan_with(*self._build(settings.rules))
            self._rules = settings.rules
        self._gateway.admit_by(build_keyring(settings))
        if self._admission is not None:
            self._admission.adopt(build_book(settings), build_limits(settings))


def build_keyring(settings: Settings) -> Keyring:
    """The keyring of these settings."""
    return Keyring(settings.keys, settings.teams, settings.gateway.trusted_proxies)
