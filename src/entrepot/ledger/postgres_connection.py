"""One connection to PostgreSQL, made when it is needed and made anew after it broke: of the ledger, and of the control store.

Rules of this file: nothing connects before it is needed; a database that is away is an error for as long as it is. No message
holds the address, which may hold a password.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg import conninfo

from entrepot.errors import OperatorError, SettingsError

Connection = psycopg.Connection[Any]
_DEFAULTS: dict[str, str | int] = {
    "connect_timeout": 5,
    "tcp_user_timeout": 30_000,
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "application_name": "entrepot",
}


class PostgresConnection:
    """Used by one thread at a time; others wait. `greet` is called with a new connection before it is used.

    `what` is kept there, and `failure` what is raised where that cannot be used. `settings` are libpq's, in place of ours; those
    of the address count more. Raises SettingsError if the address is none.
    """

    def __init__(
        self,
        url: str,
        what: str,
        failure: type[OperatorError],
        greet: Callable[[Connection], None],
        **settings: str | int,
    ) -> None:
        try:
            given = conninfo.conninfo_to_dict(url)
        except psycopg.ProgrammingError:
            raise SettingsError(f"the address of {what}'s database is none that PostgreSQL understands") from None
        self.name = f"the PostgreSQL database '{given.get('dbname', '')}' on {given.get('host', 'this machine')}"
        ours = {**_DEFAULTS, **settings}
        self._conninfo = conninfo.make_conninfo(url, **{key: ours[key] for key in ours.keys() - given.keys()})
        self._what = what
        self._failure = failure
        self._greet = greet
        self._connection: Connection | None = None
        self._lock = threading.Lock()

    @contextmanager
    def use(self) -> Iterator[Connection]:
        """The connection; it commits after each statement. Whatever goes wrong with it is a `failure`."""
        with self._lock:
            try:
                if self._connection is None or self._connection.closed:
                    self._connection = self._connect()
                yield self._connection
            except psycopg.Error as error:
                if self._connection is not None and self._connection.broken:
                    self._connection.close()
                raise self._failure(f"{self._what} in {self.name} cannot be used: {_told(error)}") from None

    def close(self) -> None:
        """Close it; the next use opens another."""
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    def _connect(self) -> Connection:
        connection = psycopg.connect(self._conninfo, autocommit=True)
        try:
            self._greet(connection)
        except BaseException:
            connection.close()
            raise
        return connection


def marked(statement: str) -> bytes:
    """A statement with the parameters' marks as psycopg has them."""
    return statement.replace("%", "%%").replace("?", "%s").encode()


def _told(error: psycopg.Error) -> str:
    """The database's own words, on one line."""
    return " ".join(str(error).split()) or type(error).__name__
