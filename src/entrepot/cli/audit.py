"""`entrepot audit`: who changed what, when, before and after."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import click
import msgspec
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from entrepot.cli.control_store import config_option, json_option, opened
from entrepot.control.objects import Kind
from entrepot.control.store import Change
from entrepot.control.trail import describe


@click.command()
@click.option("--kind", type=click.Choice(get_args(Kind)), help="Only what happened to these.")
@click.option("--name", help="Only what happened to what is called so.")
@click.option("--limit", type=click.IntRange(1), default=50, show_default=True, help="How many, the newest first.")
@config_option
@json_option
def audit(kind: Kind | None, name: str | None, limit: int, config: Path | None, as_json: bool) -> None:
    """List who changed what, the newest first.

    With --json each has what there was before and after.
    """
    with opened(config) as here:
        changes = here.store.changes(limit=limit, kind=kind, name=name)
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode([describe(one) for one in changes])).decode())
        return
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for heading in ("when (UTC)", "who", "via", "action", "what", "fields"):
        table.add_column(heading, overflow="fold")
    for change in changes:
        table.add_row(*(Text(cell) for cell in _cells(change)))
    Console(highlight=False).print(table)


def _cells(change: Change) -> tuple[str, ...]:
    told = describe(change)
    when = told["at"][:19].replace("T", " ")
    return when, change.who, change.via, change.action, f"{change.kind} {change.name}", _fields(change)


def _fields(change: Change) -> str:
    """The fields that are other than before, where there was something before and is after."""
    if change.before is None or change.after is None:
        return ""
    before, after = msgspec.json.decode(change.before), msgspec.json.decode(change.after)
    return ", ".join(name for name in sorted({*before, *after}) if before.get(name) != after.get(name))
