"""Where a control store is: the SQLite file in a directory, or the PostgreSQL database that also has the ledger.

Rules of this file: what PostgreSQL needs is imported only where it is asked for. While the database is away, what was last known
on this machine holds: gateways serve by it, and start with it; without it none starts, because it would serve without rules
that somebody relies on.
"""

from __future__ import annotations

import importlib
import logging
import time
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType

from entrepot.control.last_known import LastKnown, recall, remember
from entrepot.control.objects import Snapshot
from entrepot.control.sqlite import control_path, open_control, open_control_reader
from entrepot.control.store import ControlStore
from entrepot.errors import ControlError, ExtraMissing
from entrepot.settings.ledger import database_url
from entrepot.settings.schema import Settings

MOVED = ".moved"
_log = logging.getLogger("entrepot.control")


class ControlPlace:
    """The control store of the installation in `directory`; `database` is the URL of a PostgreSQL, None for the file there."""

    def __init__(self, directory: str | Path, database: str | None = None) -> None:
        self.directory = Path(directory)
        self._database = database

    def make(self) -> None:
        """Make it, bring its schema up to date, and have a database take over what a file in its place held.

        Raises ControlError.
        """
        with self.open_store() as store:
            self.read(store)
            if self._database is not None:
                self._move_from_file(store)

    def prepare(self) -> None:
        """As `make`, before processes start that can do with what was last known of a database that is away.

        Raises ControlError for a file that cannot be used, and for a database that is away of which nothing is known.
        """
        try:
            self.make()
        except ControlError as error:
            _log.error("what was known at %s is in force: %s", _moment(self.last_known(error)), error.message)

    def exists(self) -> bool:
        """Whether there is anything to read: a database is taken to be there until it is asked."""
        return self._database is not None or control_path(self.directory).exists()

    def open_store(self) -> ControlStore:
        """The store, to be changed. Raises ControlError; where it is a database that is away, only once it is used."""
        return open_control(self.directory) if self._database is None else self._open_database(self._database)

    def open_reader(self) -> ControlStore:
        """The store, to be read. Raises ControlError as `open_store`."""
        return open_control_reader(self.directory) if self._database is None else self._open_database(self._database)

    def read(self, store: ControlStore) -> Snapshot:
        """What `store`, which is that of this place, keeps now; a database's is also kept on this machine."""
        return store.snapshot() if self._database is None else remember(self.directory, store.name, store.snapshot)

    def last_known(self, trouble: ControlError) -> LastKnown:
        """What is known of a database that is away. Raises `trouble` where nothing is, or a file would be there if it worked."""
        known = None if self._database is None else recall(self.directory, self._open_database(self._database).name)
        if known is None:
            raise trouble
        return known

    def _open_database(self, url: str) -> ControlStore:
        store: ControlStore = _postgres().PostgresControlStore(url)
        return store

    def _move_from_file(self, store: ControlStore) -> None:
        path = control_path(self.directory)
        if not path.exists():
            return
        with open_control(self.directory) as file:
            moved = store.take_over(file)
        if moved:
            path.rename(f"{path}{MOVED}")
            self.read(store)
            _log.warning(
                "keys, teams, members, rules and budgets of %s are in the database now, with their trail", path
            )
        else:
            _log.warning("%s is not in force: the database keeps its own keys and rules; delete the file", path)


def control_place(settings: Settings, environ: Mapping[str, str]) -> ControlPlace:
    """Where the control store of an installation is. Raises SettingsError where the database's address cannot be read."""
    return ControlPlace(settings.ledger.directory, database_url(settings, environ))


def _moment(known: LastKnown) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(known.read_s))


def _postgres() -> ModuleType:
    try:
        return importlib.import_module("entrepot.control.postgres")
    except ImportError:
        raise ExtraMissing("[ledger] database", "postgres") from None
