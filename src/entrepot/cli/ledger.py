"""`entrepot ledger`: look after what was written down."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click
import msgspec
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from entrepot.cli.report import bring_up_to_date, ledger_directory
from entrepot.errors import LedgerError
from entrepot.ledger.sqlite import ledger_path, open_sqlite, open_sqlite_reader

_PLACE = (
    click.option("--ledger", type=click.Path(path_type=Path), help="The ledger's directory (or the file in it)."),
    click.option("--config", type=click.Path(path_type=Path), help="The settings file. Default: entrepot.toml here."),
)


@click.group()
def ledger() -> None:
    """Look after the ledger."""


@ledger.command()
@_PLACE[0]
@_PLACE[1]
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def verify(ledger: Path | None, config: Path | None, *, as_json: bool) -> None:
    """Re-add every sum: columns against the documents, roll-ups against the entries. Exits with 3 where one differs."""
    directory = _existing(ledger, config)
    if trouble := bring_up_to_date(directory):
        click.echo(f"entries wait in the spool: {trouble}", err=True)
    with _working("reading the ledger against itself"), open_sqlite_reader(directory) as reader:
        found = reader.verify()
    if as_json:
        click.echo(msgspec.json.encode({"sound": found.sound, **msgspec.structs.asdict(found)}).decode())
    else:
        for difference in found.differences:
            click.echo(difference)
        read = f"{found.entries:,} entries, {found.attempts:,} attempts and {found.rollup_rows:,} rows of roll-ups"
        click.echo(f"{read}: {'every sum agrees' if found.sound else 'not all sums agree'}")
    if not found.sound:
        sys.exit(3)


@ledger.command()
@_PLACE[0]
@_PLACE[1]
def rebuild(ledger: Path | None, config: Path | None) -> None:
    """Make the roll-ups again from the entries, for a ledger that `verify` found at odds with itself."""
    directory = _existing(ledger, config)
    with _working("making roll-ups"), open_sqlite(directory) as store:
        store.rebuild_rollups()
    click.echo(f"the roll-ups of {ledger_path(directory)} are made from its entries")


def _existing(ledger: Path | None, config: Path | None) -> Path:
    if ledger is not None and config is not None:
        raise click.UsageError("--ledger and --config both say where the ledger is; give one of them")
    directory = ledger_directory(ledger, config)
    if not ledger_path(directory).exists():
        raise LedgerError(
            f"no ledger at {ledger_path(directory)}; it is made when the gateway records its first exchange"
        )
    return directory


@contextmanager
def _working(doing: str) -> Iterator[None]:
    console = Console(stderr=True)
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        progress.add_task(doing, total=None)
        yield
