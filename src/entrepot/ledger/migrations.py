"""The schema of the SQLite ledger, as the steps that led to it.

Rules of this file: a migration, once released, is never edited; a change of the schema is a new function at the end of
`MIGRATIONS`. The number of a migration is its place there, from 1, and the table `migrations` says which were applied.
Column by column the schema is explained in `docs/reference/ledger.md`.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable

from entrepot.ledger.rollups import DEFINITION, GRAINS, renew_statements

Migrations = tuple[Callable[[sqlite3.Connection], None], ...]


def m0001_entries(connection: sqlite3.Connection) -> None:
    """The first schema. The facts of deployments are kept once per combination, in `served`."""
    connection.execute("""
        CREATE TABLE served (
            served INTEGER PRIMARY KEY,
            deployment TEXT NOT NULL, model TEXT NOT NULL, maker TEXT NOT NULL, maker_country TEXT NOT NULL,
            provider TEXT NOT NULL, provider_country TEXT NOT NULL, region TEXT NOT NULL,
            on_premises INTEGER NOT NULL, open_weights INTEGER, accelerator TEXT
        )""")
    connection.execute("""
        CREATE TABLE entries (
            seq INTEGER PRIMARY KEY,
            id TEXT NOT NULL UNIQUE,
            started_ns INTEGER NOT NULL, day TEXT NOT NULL,
            state TEXT NOT NULL, status INTEGER NOT NULL,
            dialect TEXT NOT NULL, asked_model TEXT NOT NULL, stream INTEGER NOT NULL,
            route TEXT, key TEXT, team TEXT, tags TEXT NOT NULL, error_code TEXT, rule TEXT,
            served INTEGER REFERENCES served,
            duration_ms REAL, first_token_ms REAL, added_ms REAL, added_bucket INTEGER NOT NULL,
            attempts INTEGER NOT NULL,
            input_tokens INTEGER, cache_read_tokens INTEGER, cache_write_tokens INTEGER,
            output_tokens INTEGER, reasoning_tokens INTEGER, usage_estimated INTEGER,
            cost_nano_usd INTEGER, thrown_away_nano_usd INTEGER NOT NULL,
            baseline_deployment TEXT, baseline_model TEXT, baseline_cost_nano_usd INTEGER,
            baseline_error_nano_usd INTEGER, baseline_measured INTEGER, baseline_predicted_nano_usd INTEGER,
            baseline_drawn INTEGER,
            router TEXT
        )""")
    connection.execute("CREATE INDEX entries_started ON entries (started_ns)")
    connection.execute("""
        CREATE TABLE attempts (
            seq INTEGER NOT NULL REFERENCES entries,
            number INTEGER NOT NULL,
            deployment TEXT NOT NULL, model TEXT NOT NULL, provider TEXT NOT NULL,
            status INTEGER NOT NULL, duration_ms REAL, first_byte_ms REAL,
            failure TEXT, failure_code TEXT,
            input_tokens INTEGER, cache_read_tokens INTEGER, cache_write_tokens INTEGER,
            output_tokens INTEGER, reasoning_tokens INTEGER, usage_estimated INTEGER,
            cost_nano_usd INTEGER, cost_nano INTEGER, currency TEXT,
            claimed_model TEXT, answered INTEGER NOT NULL,
            PRIMARY KEY (seq, number)
        ) WITHOUT ROWID""")
    connection.execute("CREATE TABLE documents (seq INTEGER PRIMARY KEY REFERENCES entries, document BLOB NOT NULL)")
    connection.execute("""
        CREATE TABLE ingested (
            name TEXT PRIMARY KEY,
            offset INTEGER NOT NULL, entries INTEGER NOT NULL,
            damaged INTEGER NOT NULL, damaged_bytes INTEGER NOT NULL
        ) WITHOUT ROWID""")
    connection.execute("""
        CREATE VIEW exchanges AS
        SELECT entries.*, deployment, model, maker, maker_country, provider, provider_country, region,
               on_premises, open_weights, accelerator
        FROM entries LEFT JOIN served ON served.served = entries.served""")


def m0002_rollups(connection: sqlite3.Connection) -> None:
    """Which definition of the roll-ups the database holds. Their tables are made from the entries, and made again whenever the
    definition changes (`refresh_rollups`), so that they need no migrations.
    """
    connection.execute("CREATE TABLE rollups (definition TEXT NOT NULL)")


def m0003_sensitive(connection: sqlite3.Connection) -> None:
    """The data classes of a request, and how many finds of which kind it held."""
    for column in ("data_classes", "sensitive"):
        connection.execute(f"ALTER TABLE entries ADD COLUMN {column} TEXT NOT NULL DEFAULT ''")


def m0004_charged(connection: sqlite3.Connection) -> None:
    """What budgets were charged, where that is not the cost."""
    connection.execute("ALTER TABLE entries ADD COLUMN charged_nano_usd INTEGER")


def m0005_kept(connection: sqlite3.Connection) -> None:
    """From which day on entries are kept, and the highest number that an entry ever had: none is given twice."""
    connection.execute("CREATE TABLE kept (since_day TEXT NOT NULL, last_seq INTEGER NOT NULL)")
    connection.execute("INSERT INTO kept VALUES ('', 0)")


def m0006_quality(connection: sqlite3.Connection) -> None:
    """What was asked and expected, what came of it, what a saving is made of, what a lot said; and feedback."""
    columns = {
        "language": "TEXT",
        "difficulty": "TEXT",
        "client_region": "TEXT",
        "p_correct": "REAL",
        "p_tenth": "INTEGER",
        "p_reference": "REAL",
        "p_best": "REAL",
        "checked": "INTEGER",
        "agreed": "REAL",
        "as_long_nano_usd": "INTEGER",
        "as_long_uncached_nano_usd": "INTEGER",
        "uncached_nano_usd": "INTEGER",
        "lot_unit": "INTEGER",
        "lot_share": "REAL",
        "lot_drawn": "INTEGER",
        "lot_baseline": "TEXT",
        "lot_baseline_nano_usd": "INTEGER",
        "lot_routed_nano_usd": "INTEGER",
    }
    for column, type_ in columns.items():
        connection.execute(f"ALTER TABLE entries ADD COLUMN {column} {type_}")
    connection.execute("CREATE INDEX entries_lots ON entries (started_ns) WHERE lot_unit IS NOT NULL")
    connection.execute("""
        CREATE TABLE feedback (
            id TEXT PRIMARY KEY,
            exchange TEXT NOT NULL, given_ns INTEGER NOT NULL,
            key TEXT, source TEXT NOT NULL, score REAL, label TEXT
        )""")
    connection.execute("CREATE INDEX feedback_exchange ON feedback (exchange)")
    connection.execute("DROP VIEW exchanges")
    connection.execute("""
        CREATE VIEW exchanges AS
        SELECT entries.*, deployment, model, maker, maker_country, provider, provider_country, region,
               on_premises, open_weights, accelerator
        FROM entries LEFT JOIN served ON served.served = entries.served""")


def m0007_outcomes(connection: sqlite3.Connection) -> None:
    """Whoever says what came of an exchange, beside its users and programs. `seq` is the order in which it came."""
    connection.execute("""
        CREATE TABLE outcomes (
            seq INTEGER PRIMARY KEY AUTOINCREMENT,
            id TEXT NOT NULL UNIQUE,
            exchange TEXT NOT NULL, given_ns INTEGER NOT NULL,
            source TEXT NOT NULL, who TEXT NOT NULL, score REAL, label TEXT, weight REAL NOT NULL
        )""")
    connection.execute("CREATE INDEX outcomes_exchange ON outcomes (exchange, source, who)")
    connection.execute("CREATE INDEX outcomes_given ON outcomes (given_ns)")
    connection.execute("""
        INSERT INTO outcomes (id, exchange, given_ns, source, who, score, label, weight)
        SELECT id, exchange, given_ns, source, coalesce("key", ''), score, label, 1.0 FROM feedback ORDER BY given_ns, id""")
    connection.execute("DROP TABLE feedback")


def m0008_forgotten(connection: sqlite3.Connection) -> None:
    """Who was forgotten and when, and the ids of the exchanges that this reached: what of them arrives late is not taken in."""
    connection.execute("""
        CREATE TABLE forgotten (
            what TEXT NOT NULL, name TEXT NOT NULL, at_ns INTEGER NOT NULL, PRIMARY KEY (what, name)
        ) WITHOUT ROWID""")
    connection.execute("""
        CREATE TABLE forgotten_exchanges (id TEXT PRIMARY KEY, started_ns INTEGER NOT NULL) WITHOUT ROWID""")


def m0009_chance(connection: sqlite3.Connection) -> None:
    """With what probability an exchange was drawn for somebody to be asked about it."""
    connection.execute("ALTER TABLE outcomes ADD COLUMN chance REAL")


def m0010_shadows(connection: sqlite3.Connection) -> None:
    """Exchanges that nobody waited for: of which each is the shadow, and what it is compared with."""
    columns = {
        "shadow_of": "TEXT",
        "shadow_unit": "INTEGER",
        "shadow_share": "REAL",
        "shadow_sent_by": "TEXT",
        "shadow_sent_nano_usd": "INTEGER",
    }
    for column, type_ in columns.items():
        connection.execute(f"ALTER TABLE entries ADD COLUMN {column} {type_}")
    connection.execute("CREATE INDEX entries_shadows ON entries (started_ns) WHERE shadow_of IS NOT NULL")
    connection.execute("DROP VIEW exchanges")
    connection.execute("""
        CREATE VIEW exchanges AS
        SELECT entries.*, deployment, model, maker, maker_country, provider, provider_country, region,
               on_premises, open_weights, accelerator
        FROM entries LEFT JOIN served ON served.served = entries.served""")


MIGRATIONS: Migrations = (
    m0001_entries,
    m0002_rollups,
    m0003_sensitive,
    m0004_charged,
    m0005_kept,
    m0006_quality,
    m0007_outcomes,
    m0008_forgotten,
    m0009_chance,
    m0010_shadows,
)


def applied(connection: sqlite3.Connection) -> int:
    """How many migrations the database has had; 0 for an empty one."""
    if not connection.execute("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'migrations'").fetchone():
        return 0
    (count,) = connection.execute("SELECT coalesce(max(number), 0) FROM migrations").fetchone()
    return int(count)


def migrate(connection: sqlite3.Connection, migrations: Migrations = MIGRATIONS) -> None:
    """Apply what is missing of `migrations`, inside the caller's transaction."""
    connection.execute("CREATE TABLE IF NOT EXISTS migrations (number INTEGER PRIMARY KEY, name TEXT NOT NULL)")
    for number, migration in enumerate(migrations, start=1):
        if number > applied(connection):
            migration(connection)
            connection.execute("INSERT INTO migrations VALUES (?, ?)", (number, migration.__name__))


def refresh_rollups(connection: sqlite3.Connection) -> None:
    """Make the roll-ups anew from the entries if they are of another definition than ours, inside the caller's transaction.

    Days whose entries were dropped are taken over from the old ones, as far as these know what is wanted.
    """
    held = connection.execute("SELECT definition FROM rollups").fetchone()
    if held is not None and held[0] == DEFINITION:
        return
    (since_day,) = connection.execute("SELECT since_day FROM kept").fetchone()
    tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    old = [name for name in tables if name.startswith(tuple(f"{grain}_" for grain in GRAINS))]
    columns = {name: {row[1] for row in connection.execute(f'PRAGMA table_info("{name}")')} for name in old}
    for statement in renew_statements(columns, since_day):
        connection.execute(statement)
    connection.execute("DELETE FROM rollups")
    connection.execute("INSERT INTO rollups VALUES (?)", (DEFINITION,))
