"""The schema of the PostgreSQL ledger, as the steps that led to it, and its partitions.

Rules of this file: as in `migrations.py`, a step that was released is never edited. Tables and columns are those of SQLite;
`entries`, `attempts` and `documents` are partitioned by the month of the exchange's beginning, so that a month is dropped in no
time, and the latter two carry that day as `entry_day`; no foreign keys, whose checking costs more than the row. Texts are compared byte by byte (collation C), as SQLite does.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import psycopg
from psycopg import sql

from entrepot.errors import LedgerError
from entrepot.ledger.rollups import DEFINITION, GRAINS, create_statements, remake_statements

Connection = psycopg.Connection[Any]

PARTITIONED = ("entries", "attempts", "documents")
_TEXT = 'TEXT COLLATE "C"'


def m0001_entries(connection: Connection) -> None:
    """The first schema: what SQLite has after its fourth migration."""
    connection.execute(f"""
        CREATE TABLE served (
            served INTEGER GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
            deployment {_TEXT} NOT NULL, model {_TEXT} NOT NULL, maker {_TEXT} NOT NULL, maker_country {_TEXT} NOT NULL,
            provider {_TEXT} NOT NULL, provider_country {_TEXT} NOT NULL, region {_TEXT} NOT NULL,
            on_premises SMALLINT NOT NULL, open_weights SMALLINT, accelerator {_TEXT}
        )""")
    connection.execute("CREATE SEQUENCE entry_numbers AS BIGINT")
    connection.execute(f"""
        CREATE TABLE entries (
            seq BIGINT NOT NULL,
            id {_TEXT} NOT NULL,
            started_ns BIGINT NOT NULL, day {_TEXT} NOT NULL,
            state {_TEXT} NOT NULL, status INTEGER NOT NULL,
            dialect {_TEXT} NOT NULL, asked_model {_TEXT} NOT NULL, stream SMALLINT NOT NULL,
            route {_TEXT}, key {_TEXT}, team {_TEXT}, tags {_TEXT} NOT NULL, error_code {_TEXT}, rule {_TEXT},
            served INTEGER,
            duration_ms DOUBLE PRECISION, first_token_ms DOUBLE PRECISION, added_ms DOUBLE PRECISION,
            added_bucket INTEGER NOT NULL, attempts INTEGER NOT NULL,
            input_tokens BIGINT, cache_read_tokens BIGINT, cache_write_tokens BIGINT,
            output_tokens BIGINT, reasoning_tokens BIGINT, usage_estimated SMALLINT,
            cost_nano_usd BIGINT, thrown_away_nano_usd BIGINT NOT NULL,
            baseline_deployment {_TEXT}, baseline_model {_TEXT}, baseline_cost_nano_usd BIGINT,
            baseline_error_nano_usd BIGINT, baseline_measured SMALLINT, baseline_predicted_nano_usd BIGINT,
            baseline_drawn SMALLINT,
            router {_TEXT}, charged_nano_usd BIGINT, data_classes {_TEXT} NOT NULL, sensitive {_TEXT} NOT NULL,
            PRIMARY KEY (id, day)
        ) PARTITION BY RANGE (day)""")
    connection.execute("CREATE INDEX entries_started ON entries (started_ns)")
    connection.execute("CREATE INDEX entries_seq ON entries (seq)")
    connection.execute(f"""
        CREATE TABLE attempts (
            seq BIGINT NOT NULL, number INTEGER NOT NULL, entry_day {_TEXT} NOT NULL,
            deployment {_TEXT} NOT NULL, model {_TEXT} NOT NULL, provider {_TEXT} NOT NULL,
            status INTEGER NOT NULL, duration_ms DOUBLE PRECISION, first_byte_ms DOUBLE PRECISION,
            failure {_TEXT}, failure_code {_TEXT},
            input_tokens BIGINT, cache_read_tokens BIGINT, cache_write_tokens BIGINT,
            output_tokens BIGINT, reasoning_tokens BIGINT, usage_estimated SMALLINT,
            cost_nano_usd BIGINT, cost_nano BIGINT, currency {_TEXT},
            claimed_model {_TEXT}, answered SMALLINT NOT NULL,
            PRIMARY KEY (seq, number, entry_day)
        ) PARTITION BY RANGE (entry_day)""")
    connection.execute(f"""
        CREATE TABLE documents (
            seq BIGINT NOT NULL, entry_day {_TEXT} NOT NULL, document BYTEA NOT NULL, PRIMARY KEY (seq, entry_day)
        ) PARTITION BY RANGE (entry_day)""")
    # Compressing a document takes the server longer than all the rest of taking it in.
    connection.execute("ALTER TABLE documents ALTER COLUMN document SET STORAGE EXTERNAL")
    connection.execute(f"""
        CREATE TABLE ingested (
            name {_TEXT} PRIMARY KEY,
            "offset" BIGINT NOT NULL, entries BIGINT NOT NULL, damaged BIGINT NOT NULL, damaged_bytes BIGINT NOT NULL
        )""")
    connection.execute("CREATE TABLE rollups (definition TEXT NOT NULL)")
    connection.execute("""
        CREATE VIEW exchanges AS
        SELECT entries.*, deployment, model, maker, maker_country, provider, provider_country, region,
               on_premises, open_weights, accelerator
        FROM entries LEFT JOIN served ON served.served = entries.served""")


MIGRATIONS: tuple[Callable[[Connection], None], ...] = (m0001_entries,)


def applied(connection: Connection) -> int:
    """How many migrations the database has had; 0 for an empty one."""
    if connection.execute("SELECT to_regclass('migrations')").fetchone() == (None,):
        return 0
    row = connection.execute("SELECT coalesce(max(number), 0) FROM migrations").fetchone()
    return int(row[0]) if row else 0


def migrate(connection: Connection) -> None:
    """Apply what is missing, inside the caller's transaction. Raises LedgerError if a newer version wrote the database."""
    connection.execute("CREATE TABLE IF NOT EXISTS migrations (number INTEGER PRIMARY KEY, name TEXT NOT NULL)")
    count = applied(connection)
    if count > len(MIGRATIONS):
        raise LedgerError("it was written by a newer version of Entrepôt; upgrade this one to use it")
    for number, migration in enumerate(MIGRATIONS[count:], start=count + 1):
        migration(connection)
        connection.execute("INSERT INTO migrations VALUES (%s, %s)", (number, migration.__name__))


def refresh_rollups(connection: Connection) -> None:
    """Make the roll-ups anew from the entries if they are of another definition than ours, inside the caller's transaction."""
    held = connection.execute("SELECT definition FROM rollups").fetchone()
    if held is not None and held[0] == DEFINITION:
        return
    tables = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = current_schema()").fetchall()
    for (name,) in tables:
        if name.startswith(tuple(f"{grain}_" for grain in GRAINS)):
            connection.execute(sql.SQL("DROP TABLE {}").format(sql.Identifier(name)))
    for statement in create_statements():
        connection.execute(statement.replace(" TEXT ", f" {_TEXT} ").encode())
    for statement in remake_statements("1 = 1"):
        connection.execute(statement.encode())
    connection.execute("DELETE FROM rollups")
    connection.execute("INSERT INTO rollups VALUES (%s)", (DEFINITION,))


def months_held(connection: Connection) -> set[str]:
    """The months (2026-01) that have partitions."""
    rows = connection.execute("SELECT relname FROM pg_class WHERE oid IN (SELECT inhrelid FROM pg_inherits "
                              "WHERE inhparent = 'entries'::regclass)").fetchall()  # fmt: skip
    return {name.removeprefix("entries_").replace("_", "-") for (name,) in rows}


def make_partitions(connection: Connection, month: str) -> None:
    """Partitions for a month (2026-01), where there are none."""
    first = date.fromisoformat(f"{month}-01")
    last = (first + timedelta(days=31)).replace(day=1)
    for table in PARTITIONED:
        connection.execute(
            sql.SQL("CREATE TABLE IF NOT EXISTS {} PARTITION OF {} FOR VALUES FROM ({}) TO ({}){}").format(
                sql.Identifier(_partition(table, month)),
                sql.Identifier(table),
                sql.Literal(first.isoformat()),
                sql.Literal(last.isoformat()),
                sql.SQL(" WITH (toast_tuple_target = 8160)" if table == "documents" else ""),
            )
        )


def drop_partitions(connection: Connection, month: str) -> None:
    """Drop a month (2026-01) with all that it holds."""
    for table in PARTITIONED:
        connection.execute(sql.SQL("DROP TABLE IF EXISTS {}").format(sql.Identifier(_partition(table, month))))


def _partition(table: str, month: str) -> str:
    return f"{table}_{month.replace('-', '_')}"
