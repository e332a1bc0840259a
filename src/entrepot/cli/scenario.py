"""`entrepot scenario`: what the ledger's traffic would have come to under other facts."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import click
import msgspec
from rich.console import Console

from entrepot.catalog.load import load_catalog
from entrepot.cli.report import bring_up_to_date, read_since
from entrepot.cli.scenario_stage import Compared, Stage
from entrepot.control.in_force import read_in_force
from entrepot.ledger.store import Period
from entrepot.reports.render import Table, render_json, render_terminal
from entrepot.reports.scenario.exits import Exit, rank_exits
from entrepot.reports.scenario.tables import tabulate_comparison, tabulate_exits
from entrepot.settings.choose import require_settings
from entrepot.settings.ledger import ledger_place
from entrepot.settings.scenarios import load_scenario

# \b keeps click from filling the lines
_EXAMPLE = """\b
A file holds what is otherwise, such as:
  title = "DeepSeek halves its prices, and its API is barred for the legal team"
  [[price]]
  deployments = "deepseek*"
  change = "-50%"
  [[bar]]
  deny = { provider = ["deepseek"] }
  when = { teams = ["legal"] }
"""


@click.command(epilog=_EXAMPLE)
@click.argument("files", nargs=-1, type=click.Path(path_type=Path))
@click.option("--all-single-failures", is_flag=True, help="Rank every provider by what its loss would cost.")
@click.option("--since", callback=read_since, help="Replay from this time on: 2026-01-31, a full ISO time, or 30d ago.")
@click.option("--until", callback=read_since, help="Up to this time, not included.")
@click.option("--config", type=click.Path(path_type=Path), help="The settings file. Default: entrepot.toml here.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON; money in whole nano-dollars.")
def scenario(
    files: Sequence[Path],
    all_single_failures: bool,
    since: int | None,
    until: int | None,
    config: Path | None,
    as_json: bool,
) -> None:
    """What the ledger's traffic would come to under other facts.

    Decisions are made again as FILES say that things were, each by itself, and set beside today's. Stored estimates and
    usage are used, no prompts. Nothing is asked of anybody, and nothing changes.
    """
    if not files and not all_single_failures:
        raise click.UsageError("name a scenario's file, or give --all-single-failures")
    settings = read_in_force(require_settings(config, os.environ, Path.cwd()))
    scenarios = [load_scenario(file, settings, load_catalog(), os.environ) for file in files]
    place = ledger_place(settings, os.environ)
    trouble = bring_up_to_date(place)
    with place.open_reader() as reader:
        stage = Stage(settings, reader, place.directory, Period(since, until), scenarios)
    compared = [stage.compare(one) for one in scenarios]
    exits = rank_exits(stage.replay) if all_single_failures else ()
    tables = _tables(compared, exits, trouble)
    if as_json:
        click.echo(render_json(tables, ledger=str(place.directory)))
        return
    console = Console(soft_wrap=False, width=None if console_is_wide() else 120, highlight=False)
    told: set[str] = set()
    for table in tables:
        fresh = tuple(note for note in table.notes if note not in told)  # what holds for several tables is said once
        told.update(fresh)
        console.print()
        console.print(render_terminal(msgspec.structs.replace(table, notes=fresh)))


def console_is_wide() -> bool:
    """Whether somebody looks, whose terminal says how wide it is."""
    return Console().is_terminal


def _tables(compared: Sequence[Compared], exits: Sequence[Exit], trouble: str | None) -> list[Table]:
    tables: list[Table] = []
    for one in compared:
        first, *rest = tabulate_comparison(one.scenario.title, one.comparison)
        tables += [msgspec.structs.replace(first, notes=(*one.notes, *first.notes)), *rest]
    if exits:
        tables.append(tabulate_exits(exits))
    if trouble is not None:
        note = f"Not everything is in these figures yet: {trouble}"
        tables[0] = msgspec.structs.replace(tables[0], notes=(note, *tables[0].notes))
    return tables
