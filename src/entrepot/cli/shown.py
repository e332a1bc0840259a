"""The forms in which reports and scenarios are shown: on a terminal, as JSON, as CSV, as a page."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args

import click
import msgspec
from rich.console import Console

from entrepot.reports.html import render_html
from entrepot.reports.render import Table, render_terminal
from entrepot.reports.wording import Language

Form = Literal["text", "json", "csv", "html"]
Command = TypeVar("Command", bound=Callable[..., Any])

_WIDE = 120

_OPTIONS = (
    click.option("--json", "form", flag_value="json", help="Print JSON; money in whole nano-dollars."),
    click.option(
        "--csv", "form", flag_value="csv", help="Print CSV, one table after another; money in whole nano-dollars."
    ),
    click.option(
        "--html", "page", type=click.Path(path_type=Path), help="Write a page with charts to this file (- prints it)."
    ),
    click.option("--language", "--lang", type=click.Choice(get_args(Language)), default="en", help="Of the tables."),
)


def form_options(command: Command) -> Command:
    """Give a command the options that say in which form its tables are shown: `form`, `page` and `language`."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def choose_form(form: Form | None, page: Path | None) -> Form:
    """The one that was asked for. Raises UsageError where two were."""
    if page is not None and form is not None:
        raise click.UsageError("--html and --json or --csv are different forms of one report; ask for it twice")
    return form or ("text" if page is None else "html")


def write_page(page: Path, tables: Sequence[Table], title: str, lines: Sequence[str], language: Language) -> None:
    """Write the page to a file and say which, or print it where the file is `-`."""
    text = render_html(tables, title, lines, language)
    if str(page) == "-":
        click.echo(text, nl=False)
        return
    try:
        page.write_text(text, encoding="utf-8")
    except OSError as error:
        raise click.UsageError(f"cannot write {page}: {error.strerror or error}") from error
    click.echo(str(page))


def print_tables(tables: Sequence[Table], lines: Sequence[str] = ()) -> None:
    """The lines, then the tables, as wide as the terminal; what holds for several tables is said once."""
    console = Console(soft_wrap=False, width=None if sys.stdout.isatty() else _WIDE, highlight=False)
    for line in lines:
        console.print(line, markup=False)
    told: set[str] = set()
    for table in tables:
        fresh = tuple(note for note in table.notes if note not in told)
        told.update(fresh)
        console.print()
        console.print(render_terminal(msgspec.structs.replace(table, notes=fresh)))
