"""The page on the ledger names every table and column there is, and its queries run."""

from __future__ import annotations

import contextlib
import re
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from entrepot.exchange.outcome import Outcome
from entrepot.ledger.checks import FIRST_NS, sample_entry
from entrepot.ledger.content.sqlite import CONTENT_FILE, SqliteContent
from entrepot.ledger.export import export
from entrepot.ledger.postgres import PostgresStore
from entrepot.ledger.reading import RelationalStore
from entrepot.ledger.rollups import COMPARED, CUBES, EXPECTED, GRAINS, JUDGED, SUMS
from entrepot.ledger.sqlite import ledger_path, open_sqlite
from tests.docs.fences import find_fences
from tests.ledger.conftest import place, store
from tests.postgres_server import PostgresServer

__all__ = ["place", "store"]

PAGE = (Path(__file__).parents[2] / "docs" / "reference" / "ledger.md").read_text(encoding="utf-8")
QUERIES = [fence.text for fence in find_fences(PAGE) if fence.language == "sql"]


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    """A ledger of one entry."""
    with open_sqlite(tmp_path) as store:
        store.insert([sample_entry(0)])
    with contextlib.closing(sqlite3.connect(ledger_path(tmp_path))) as connection:
        yield connection


def columns_of(connection: sqlite3.Connection) -> dict[str, list[str]]:
    """The columns of every table but roll-ups."""
    tables = [row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    return {
        table: [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]
        for table in tables
        if not table.startswith(("sqlite_", "hourly_", "daily_", "monthly_"))
    }


def test_every_table_and_column_is_documented(connection: sqlite3.Connection, tmp_path: Path) -> None:
    SqliteContent(tmp_path).close()
    with contextlib.closing(sqlite3.connect(tmp_path / CONTENT_FILE)) as content:
        actual = {**columns_of(connection), **columns_of(content)}
    documented = {
        section.split("\n", 1)[0]: re.findall(r"^\| `(\w+)` \|", section.split("\n## ")[0], re.MULTILINE)
        for section in PAGE.split("\n### ")[1:]
    }
    assert {table: sorted(columns) for table, columns in documented.items()} == {
        table: sorted(columns) for table, columns in actual.items()
    }


def test_every_rollup_is_documented_with_its_keys_and_sums() -> None:
    section = PAGE.split("\n## Roll-ups\n")[1].split("\n## ")[0]
    documented = {
        tuple(re.findall(r"`(\w+)`", tables)): tuple(re.findall(r"`(\w+)`", keys.split(":")[0].split(" (")[0]))
        for tables, keys in re.findall(r"^\| (`hourly_.*?) \| (.*) \|$", section, re.MULTILINE)
    }
    assert documented == {tuple(cube.table(grain) for grain in GRAINS): cube.keys for cube in CUBES}
    sums = re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE)
    assert sorted(sums) == sorted({*SUMS, *COMPARED, *JUDGED, *EXPECTED})


@pytest.mark.parametrize("query", QUERIES)
def test_every_query_runs_on_both_databases(store: RelationalStore, query: str) -> None:
    store.insert([sample_entry(0)])
    store._query(query.rstrip().rstrip(";"))


@pytest.mark.parametrize("query", re.findall(r'duckdb\.sql\("""(.*?)"""\)', PAGE, re.DOTALL))
def test_what_is_exported_answers_the_questions_of_the_page(query: str, tmp_path: Path) -> None:
    with open_sqlite(tmp_path) as store:
        store.insert([sample_entry(0), sample_entry(1)])
        said = [Outcome(str(at), sample_entry(0).id, FIRST_NS + at, "user", "k", float(at)) for at in range(2)]
        store.insert_documents([], said)
        export(store, tmp_path)
    with duckdb.connect() as connection:
        found = connection.execute(query.replace("'export/", f"'{tmp_path}/")).fetchall()
    assert found
    if "outcomes" in query:
        assert found == [("qwen3-max", 1, 1.0)]


def test_postgresql_has_the_same_tables_and_columns(tmp_path: Path, postgres: PostgresServer) -> None:
    with open_sqlite(tmp_path) as lite, PostgresStore(postgres.make_database()) as store:
        tables = {
            row[0]
            for row in lite._query(
                "SELECT name FROM sqlite_master WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite_%'"
            )
        }
        ours = {
            (table, row[1]) for table in tables for row in lite._query(f"SELECT * FROM pragma_table_info('{table}')")
        }
        theirs = {
            tuple(row)
            for row in store._query(
                "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = current_schema()"
            )
        }
        assert ours ^ theirs == {("attempts", "entry_day"), ("documents", "entry_day"), ("kept", "last_seq")}


def test_there_are_queries_to_try() -> None:
    assert len(QUERIES) >= 2
