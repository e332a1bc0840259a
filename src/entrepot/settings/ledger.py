"""Where the ledger is, as the settings say it, and the secrets that they refer to."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from entrepot.ledger.place import LedgerPlace
from entrepot.settings.budgets import anchored, check_address
from entrepot.settings.file import LedgerTable
from entrepot.settings.problems import Problems
from entrepot.settings.schema import LedgerSettings, Settings
from entrepot.upstream.credentials import Credentials

_MIB = 1024 * 1024
_SCHEMES = ("postgresql://", "postgres://")


def resolve_ledger(table: LedgerTable, directory: Path, around: Path, problems: Problems) -> LedgerSettings:
    """Where entries are kept: spools in `directory`; relative paths of references start `around`."""
    database = table.database
    if database is not None:
        wrong = check_address(database, _SCHEMES)
        if wrong:
            problems.add(("ledger", "database"), wrong)
        elif ":" in database.partition("://")[2].rpartition("@")[0]:
            where = "keep the whole address in the environment or a file, and write env:NAME or file:PATH here"
            problems.add(("ledger", "database"), f"holds a password: {where}")
        database = anchored(database, around)
    return LedgerSettings(
        str(directory), database, table.keep_days, table.durability, table.reserve_mb * _MIB, table.when_full
    )


def ledger_place(settings: Settings, environ: Mapping[str, str]) -> LedgerPlace:
    """Where the ledger of an installation is. Raises SettingsError where its address cannot be read."""
    return LedgerPlace(settings.ledger.directory, database_url(settings, environ))


def database_url(settings: Settings, environ: Mapping[str, str]) -> str | None:
    """The address of the database, None where there is none. Raises SettingsError where it cannot be read."""
    database = settings.ledger.database
    return None if database is None else database if "://" in database else Credentials(environ).read(database)
