"""`entrepot scenario`: what the ledger's traffic would have come to under other facts."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import click
import msgspec

from entrepot.catalog.load import load_catalog
from entrepot.cli.report import bring_up_to_date, period_of, read_since
from entrepot.cli.scenario_stage import Compared, Stage
from entrepot.cli.shown import Form, choose_form, form_options, print_tables, write_page
from entrepot.control.in_force import read_in_force
from entrepot.reports.render import Table, render_csv, render_json
from entrepot.reports.scenario.exits import rank_exits
from entrepot.reports.scenario.tables import tabulate_comparison, tabulate_exits
from entrepot.reports.wording import Language, Words, words_of
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
@form_options
def scenario(
    files: Sequence[Path],
    all_single_failures: bool,
    since: int | None,
    until: int | None,
    config: Path | None,
    form: Form | None,
    page: Path | None,
    language: Language,
) -> None:
    """What the ledger's traffic would come to under other facts.

    Decisions are made again as FILES say that things were, each by itself, and set beside today's. Stored estimates and
    usage are used, no prompts. Nothing is asked of anybody, and nothing changes.
    """
    if not files and not all_single_failures:
        raise click.UsageError("name a scenario's file, or give --all-single-failures")
    form, words, period = choose_form(form, page), words_of(language), period_of(since, until)
    settings = read_in_force(require_settings(config, os.environ, Path.cwd()))
    scenarios = [load_scenario(file, settings, load_catalog(), os.environ) for file in files]
    place = ledger_place(settings, os.environ)
    trouble = bring_up_to_date(place)
    with place.open_reader() as reader:
        stage = Stage(settings, reader, place.directory, period, scenarios, words)
    compared = [stage.compare(one) for one in scenarios]
    exits = rank_exits(stage.replay) if all_single_failures else ()
    notes = [] if trouble is None else [words("not_ingested", why=trouble)]
    if not len(stage.replay.decisions):
        notes = [words("nothing_to_replay"), *notes]
    tables = [*_tables(files, compared, words), *([tabulate_exits(exits, words)] if exits else [])]
    if form == "json":
        click.echo(render_json(tables, ledger=str(place.directory), notes=notes))
    elif form == "csv":
        click.echo(render_csv(tables), nl=False)
        click.echo("\n".join(notes), err=True, nl=bool(notes))
    elif page is not None:
        write_page(page, tables, _title(compared, words), notes, language)
    else:
        print_tables(tables, notes)


def _title(compared: Sequence[Compared], words: Words) -> str:
    """What the page is about: the one scenario, or several, or the exits alone."""
    if not compared:
        return words("exits")
    return compared[0].scenario.title if len(compared) == 1 else words("report_scenario")


def _tables(files: Sequence[Path], compared: Sequence[Compared], words: Words) -> list[Table]:
    """Those of every scenario, which programs tell apart by the file's name."""
    tables: list[Table] = []
    for file, one in zip(files, compared, strict=True):
        first, *rest = tabulate_comparison(one.scenario.title, one.comparison, words)
        first = msgspec.structs.replace(first, notes=(*one.notes, *first.notes))
        tables += [msgspec.structs.replace(table, about=file.stem) for table in (first, *rest)]
    return tables
