"""Where a ledger is: the directory with its spools, and the SQLite file in it or a PostgreSQL database elsewhere.

Rules of this file: what PostgreSQL needs is imported only where it is asked for. An address is never shown: it may hold a
password.
"""

from __future__ import annotations

import importlib
import logging
from pathlib import Path
from types import ModuleType

from entrepot.errors import ExtraMissing, LedgerError
from entrepot.ledger.content.spool import list_content_spools
from entrepot.ledger.content.sqlite import CONTENT_FILE, SqliteContent
from entrepot.ledger.content.store import ContentStore
from entrepot.ledger.reading import RelationalReader, RelationalStore
from entrepot.ledger.sqlite import ledger_path, open_sqlite, open_sqlite_reader

_log = logging.getLogger(__name__)


class LedgerPlace:
    """The ledger whose spools lie in `directory`; `database` is the URL of a PostgreSQL, None for the SQLite file there."""

    def __init__(self, directory: str | Path, database: str | None = None) -> None:
        self.directory = Path(directory)
        self.database = database

    def __str__(self) -> str:
        return (
            str(ledger_path(self.directory))
            if self.database is None
            else _postgres().PostgresReader(self.database).name
        )

    def exists(self) -> bool:
        """Whether there is anything to read: a database is taken to be there until it is asked."""
        return self.database is not None or ledger_path(self.directory).exists()

    def prepare(self) -> None:
        """Bring the schema up to date, once before many processes use it.

        Raises LedgerError for a file that cannot be used. A database that is away is only told of: gateways do without it.
        """
        try:
            with self.open_store() as store:
                store.spool_progress()
        except LedgerError as error:
            if self.database is None:
                raise
            _log.error("entries wait in the spool: %s", error.message)

    def open_store(self) -> RelationalStore:
        """The ledger to write to. Raises LedgerError; where it is a database that is away, only once it is used."""
        if self.database is None:
            return open_sqlite(self.directory)
        store: RelationalStore = _postgres().PostgresStore(self.database)
        return store

    def open_reader(self) -> RelationalReader:
        """The ledger to read. Raises LedgerError as `open_store`."""
        if self.database is None:
            return open_sqlite_reader(self.directory)
        reader: RelationalReader = _postgres().PostgresReader(self.database)
        return reader

    def holds_content(self) -> bool:
        """Whether anything that was said may be kept here: a database is taken to hold some until it is asked."""
        here = (self.directory / CONTENT_FILE).exists() or bool(list_content_spools(self.directory))
        return here or self.database is not None

    def open_content(self) -> ContentStore:
        """What was said, beside the ledger; made if it is not there. Raises LedgerError as `open_store`."""
        if self.database is None:
            return SqliteContent(self.directory)
        store: ContentStore = _postgres("entrepot.ledger.content.postgres").PostgresContent(self.database)
        return store


def _postgres(module: str = "entrepot.ledger.postgres") -> ModuleType:
    try:
        return importlib.import_module(module)
    except ImportError:
        raise ExtraMissing("[ledger] database", "postgres") from None
