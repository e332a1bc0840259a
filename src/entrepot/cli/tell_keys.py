"""How commands tell of keys and of people: the text of a key once, what is kept of it as JSON or in a line, lists as tables.

Rules of this file: a key's text is shown before the change is committed. Where nobody could read it, nothing was changed.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

import click
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from entrepot.cli.moments import tell_moment


def show_once(described: dict[str, Any], text: str, heading: str, old: str, as_json: bool) -> None:
    """Show the text of a key. `old` is what the one before it is called, if it stays valid for a while."""
    if as_json:
        click.echo(json.dumps({**described, "key": text}, ensure_ascii=False, indent=2))
        return
    click.echo(f"{heading}\n")
    click.echo(f"    {text}\n")
    until = [secret["until_s"] for secret in described["secrets"] if secret["until_s"] is not None]
    if until:
        click.echo(f"The {old} before it is valid until {tell_moment(max(until))} UTC.")


def tell(described: dict[str, Any], state: str, as_json: bool) -> None:
    """Say what somebody or something is now."""
    click.echo(json.dumps(described, ensure_ascii=False, indent=2) if as_json else f"{described['name']}: {state}")


def tell_all(
    rows: Sequence[dict[str, Any]], headings: Iterable[str], cells: Iterable[Sequence[str]], none: str, as_json: bool
) -> None:
    """List them: as JSON, as a table of `cells`, or in the words of `none`."""
    if as_json:
        click.echo(json.dumps(rows, ensure_ascii=False, indent=2))
        return
    if not rows:
        click.echo(none)
        return
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for heading in headings:
        table.add_column(heading, overflow="fold")
    for row in cells:
        table.add_row(*map(Text, row))
    Console(highlight=False).print(table)
