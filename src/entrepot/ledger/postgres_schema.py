"""The schema of the PostgreSQL ledger, as the steps that led to it, and its partitions.

Rules of this file: as in `migrations.py`, a step that was released is never edited. Tables and columns are those of SQLite;
`entries`, `attempts` and `documents` are partitioned by the month of the exchange's beginning, so that a month is dropped in
no time, and the latter two carry that day as `entry_day`. There are no foreign keys: checking one costs more than its row.
Texts are compared byte by byte (collation C), as SQLite does.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import psycopg
from psycopg import sql

from entrepot.errors import LedgerError
from entrepot.ledger.rollups import DEFINITION, GRAINS, renew_statements

Connection = psycopg.Connection[Any]

LOCK = 0x656E7472  # "entr": which of the database's advisory locks writers of a ledger take turns by
PARTITIONED = ("entries", "attempts", "documents")
_TEXT = 'TEXT COLLATE "C"'


def m0001_entries(connection: Connection) -> None:
    """The facts of deployments, and entries: the columns that SQLite has after its fifth migration."""
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
    connection.execute("""
        CREATE VIEW exchanges AS
        SELECT entries.*, deployment, model, maker, maker_country, provider, provider_country, region,
               on_premises, open_weights, accelerator
        FROM entries LEFT JOIN served ON served.served = entries.served""")


def m0002_attempts(connection: Connection) -> None:
    """What belongs to entries, and what is known of spools, retention and roll-ups."""
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
    connection.execute(f"CREATE TABLE kept (since_day {_TEXT} NOT NULL)")
    connection.execute("INSERT INTO kept VALUES ('')")
    connection.execute("CREATE TABLE rollups (definition TEXT NOT NULL)")


def m0003_quality(connection: Connection) -> None:
    """As `m0006_quality` of SQLite."""
    whole = ("as_long_nano_usd", "as_long_uncached_nano_usd", "uncached_nano_usd", "lot_unit")
    added = {
        **dict.fromkeys(("language", "difficulty", "client_region", "lot_baseline"), _TEXT),
        **dict.fromkeys(("p_correct", "p_reference", "p_best", "agreed", "lot_share"), "DOUBLE PRECISION"),
        **dict.fromkeys((*whole, "lot_baseline_nano_usd", "lot_routed_nano_usd"), "BIGINT"),
        **dict.fromkeys(("checked", "lot_drawn"), "SMALLINT"),
        "p_tenth": "INTEGER",
    }
    columns = ", ".join(f"ADD COLUMN {name} {kind}" for name, kind in added.items())
    connection.execute(f"ALTER TABLE entries {columns}".encode())
    connection.execute("CREATE INDEX entries_lots ON entries (started_ns) WHERE lot_unit IS NOT NULL")
    connection.execute(f"""
        CREATE TABLE feedback (
            id {_TEXT} PRIMARY KEY, exchange {_TEXT} NOT NULL, given_ns BIGINT NOT NULL,
            key {_TEXT}, source {_TEXT} NOT NULL, score DOUBLE PRECISION, label {_TEXT}
        )""")
    connection.execute("CREATE INDEX feedback_exchange ON feedback (exchange)")
    connection.execute("DROP VIEW exchanges")
    connection.execute("""
        CREATE VIEW exchanges AS
        SELECT entries.*, deployment, model, maker, maker_country, provider, provider_country, region,
               on_premises, open_weights, accelerator
        FROM entries LEFT JOIN served ON served.served = entries.served""")


def m0004_outcomes(connection: Connection) -> None:
    """As `m0007_outcomes` of SQLite."""
    connection.execute(f"""
        CREATE TABLE outcomes (
            seq BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
            id {_TEXT} NOT NULL UNIQUE, exchange {_TEXT} NOT NULL, given_ns BIGINT NOT NULL,
            source {_TEXT} NOT NULL, who {_TEXT} NOT NULL, score DOUBLE PRECISION, label {_TEXT},
            weight DOUBLE PRECISION NOT NULL
        )""")
    connection.execute("CREATE INDEX outcomes_exchange ON outcomes (exchange, source, who)")
    connection.execute("CREATE INDEX outcomes_given ON outcomes (given_ns)")
    connection.execute("""
        INSERT INTO outcomes (id, exchange, given_ns, source, who, score, label, weight)
        SELECT id, exchange, given_ns, source, coalesce(key, ''), score, label, 1.0 FROM feedback ORDER BY given_ns, id""")
    connection.execute("DROP TABLE feedback")


def m0005_forgotten(connection: Connection) -> None:
    """As `m0008_forgotten` of SQLite."""
    connection.execute(f"""
        CREATE TABLE forgotten (
            what {_TEXT} NOT NULL, name {_TEXT} NOT NULL, at_ns BIGINT NOT NULL, PRIMARY KEY (what, name)
        )""")
    connection.execute(f"CREATE TABLE forgotten_exchanges (id {_TEXT} PRIMARY KEY, started_ns BIGINT NOT NULL)")


def m0006_chance(connection: Connection) -> None:
    """As `m0009_chance` of SQLite."""
    connection.execute("ALTER TABLE outcomes ADD COLUMN chance DOUBLE PRECISION")


def m0007_shadows(connection: Connection) -> None:
    """As `m0010_shadows` of SQLite."""
    connection.execute(
        f"""
        ALTER TABLE entries ADD COLUMN shadow_of {_TEXT}, ADD COLUMN shadow_unit BIGINT,
            ADD COLUMN shadow_share DOUBLE PRECISION, ADD COLUMN shadow_sent_by {_TEXT},
            ADD COLUMN shadow_sent_nano_usd BIGINT""".encode()
    )
    connection.execute("CREATE INDEX entries_shadows ON entries (started_ns) WHERE shadow_of IS NOT NULL")
    connection.execute("DROP VIEW exchanges")
    connection.execute("""
        CREATE VIEW exchanges AS
        SELECT entries.*, deployment, model, maker, maker_country, provider, provider_country, region,
               on_premises, open_weights, accelerator
        FROM entries LEFT JOIN served ON served.served = entries.served""")


MIGRATIONS: tuple[Callable[[Connection], None], ...] = (
    m0001_entries,
    m0002_attempts,
    m0003_quality,
    m0004_outcomes,
    m0005_forgotten,
    m0006_chance,
    m0007_shadows,
)


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
    """As that of `migrations.py`."""
    held = connection.execute("SELECT definition FROM rollups").fetchone()
    if held is not None and held[0] == DEFINITION:
        return
    rows = connection.execute(
        "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = current_schema()"
    ).fetchall()
    columns: dict[str, set[str]] = {}
    for table, column in rows:
        if table.startswith(tuple(f"{grain}_" for grain in GRAINS)):
            columns.setdefault(table, set()).add(column)
    for statement in renew_statements(columns, kept_since(connection)):
        connection.execute(statement.replace(" TEXT ", f" {_TEXT} ").encode())
    connection.execute("DELETE FROM rollups")
    connection.execute("INSERT INTO rollups VALUES (%s)", (DEFINITION,))


def kept_since(connection: Connection) -> str:
    """The first day whose entries are all kept; '' where none were ever dropped."""
    row = connection.execute("SELECT since_day FROM kept").fetchone()
    return str(row[0]) if row else ""


def months_held(connection: Connection, *, whole: bool = True) -> set[str]:
    """The months (2026-01) that have all their partitions; or, not `whole`, those that have any."""
    months = []
    for table in PARTITIONED:
        rows = connection.execute(
            "SELECT relname FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid WHERE inhparent = to_regclass(%s)",
            (table,),
        ).fetchall()
        months.append({name.removeprefix(f"{table}_").replace("_", "-") for (name,) in rows})
    return set.intersection(*months) if whole else set.union(*months)


def make_partitions(connection: Connection, month: str) -> None:
    """Partitions for a month (2026-01), where there are none.

    One transaction a table: who held several of them locked would sooner or later wait for a reader that waits for him.
    """
    first = date.fromisoformat(f"{month}-01")
    last = (first + timedelta(days=31)).replace(day=1)
    for table in PARTITIONED:
        _alone(
            connection,
            sql.SQL("CREATE TABLE IF NOT EXISTS {} PARTITION OF {} FOR VALUES FROM ({}) TO ({}){}").format(
                sql.Identifier(_partition(table, month)),
                sql.Identifier(table),
                sql.Literal(first.isoformat()),
                sql.Literal(last.isoformat()),
                sql.SQL(" WITH (toast_tuple_target = 8160)" if table == "documents" else ""),
            ),
        )


def drop_partitions(connection: Connection, month: str) -> int:
    """Drop a month (2026-01) with all that it holds; returns how many entries that were."""
    days = (f"{month}-01", f"{month}-31")
    count = connection.execute("SELECT count(*) FROM entries WHERE day BETWEEN %s AND %s", days).fetchone()
    for table in PARTITIONED:
        _alone(connection, sql.SQL("DROP TABLE IF EXISTS {}").format(sql.Identifier(_partition(table, month))))
    return int(count[0]) if count else 0


def _alone(connection: Connection, statement: sql.Composed) -> None:
    """Run it in a transaction of its own, while no other writer is at work."""
    with connection.transaction():
        connection.execute("SELECT pg_advisory_xact_lock(%s)", (LOCK,))
        connection.execute(statement)


def _partition(table: str, month: str) -> str:
    return f"{table}_{month.replace('-', '_')}"
