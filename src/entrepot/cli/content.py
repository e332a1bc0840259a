"""`entrepot ledger content`: what is kept of what was said, on routes that keep it."""

from __future__ import annotations

import os
import time
from datetime import UTC, datetime
from pathlib import Path

import click
import msgspec
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from entrepot.cli.control_store import command_line, json_option
from entrepot.cli.report import find_ledger
from entrepot.control.place import ControlPlace
from entrepot.errors import LedgerError
from entrepot.ledger.content.answer import open_content, seal_said
from entrepot.ledger.content.ingest import ContentIngester
from entrepot.ledger.content.seal import Seals, make_key
from entrepot.ledger.content.store import Holding, Whose
from entrepot.ledger.content.transcript import content_document, render_transcript
from entrepot.ledger.place import LedgerPlace
from entrepot.settings.content import content_seals
from entrepot.settings.load import find_settings_file, load_settings

place_options = (
    click.option("--ledger", type=click.Path(path_type=Path), help="The ledger's directory (or the file in it)."),
    click.option("--config", type=click.Path(path_type=Path), help="The settings file. Default: entrepot.toml here."),
)


@click.group()
def content() -> None:
    """Look after what is kept of what was said."""


@content.command("list")
@place_options[0]
@place_options[1]
@json_option
def list_held(ledger: Path | None, config: Path | None, *, as_json: bool) -> None:
    """Show how much is kept of what was said, for which route and under which key."""
    place, _ = opened_content(ledger, config)
    held = _holdings(place)
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(held)).decode())
        return
    if not held:
        click.echo("nothing is kept of what was said: no route says store_content, or nobody has asked one that does")
        return
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for heading in ("route", "exchanges", "too long", "bytes", "from (UTC)", "to (UTC)", "key"):
        table.add_column(heading, justify="right" if heading in ("exchanges", "too long", "bytes") else "left")
    for one in held:
        numbers = (one.exchanges, one.too_long, one.stored_bytes)
        cells = (one.route, *(f"{number:,}" for number in numbers), _day(one.first_ns), _day(one.last_ns))
        table.add_row(*(Text(cell) for cell in cells), Text(one.sealed_by or "not encrypted"))
    Console(highlight=False).print(table)


@content.command()
@click.argument("exchange")
@place_options[0]
@place_options[1]
@json_option
def show(exchange: str, ledger: Path | None, config: Path | None, *, as_json: bool) -> None:
    """Print what was said in one EXCHANGE, by its id. That you did is written in the trail (`entrepot audit`)."""
    place, seals = opened_content(ledger, config)
    kept = None
    if place.holds_content():
        with place.open_content() as store:
            kept = store.find(exchange)
    if kept is None:
        raise LedgerError(f"nothing is kept of what was said in {exchange[:100]}: see `entrepot ledger content list`")
    said = open_content(kept, seals)
    note_in_trail(place, "read", exchange)
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(content_document(kept, said))).decode())
    else:
        click.echo(render_transcript(kept, said))


@content.command()
@place_options[0]
@place_options[1]
def reseal(ledger: Path | None, config: Path | None) -> None:
    """Encrypt all that is kept with the key of encrypt_with, whatever it was encrypted with before, if at all.

    Afterwards earlier keys are needed no more, and may go from decrypt_with.
    """
    place, seals = opened_content(ledger, config)
    if seals.current is None:
        raise LedgerError("[content] names no key: name one in encrypt_with, to encrypt what is kept with")
    count = 0
    if place.holds_content():
        with place.open_content() as store:
            for kept in store.each():
                said = None if kept.sealed_by == seals.current and kept.form == "said" else open_content(kept, seals)
                if said is not None:
                    count += store.replace(seal_said(kept, said, seals))
            store.scrub()
    click.echo(f"{count:,} exchanges are encrypted anew, with the key {seals.current}")


@content.command("new-key")
def new_key() -> None:
    """Print a new key to encrypt content with. It is kept nowhere: without it what it encrypts cannot be read."""
    click.echo(make_key())


def opened_content(ledger: Path | None, config: Path | None) -> tuple[LedgerPlace, Seals]:
    """Where content is, brought up to date, and the keys that the settings name."""
    place = find_ledger(ledger, config)
    found = None if ledger is not None else find_settings_file(config, os.environ, Path.cwd())
    seals = Seals() if found is None else content_seals(load_settings(found, os.environ), os.environ)
    if trouble := bring_content_up_to_date(place, seals):
        click.echo(f"content waits in its spool: {trouble}", err=True)
    return place, seals


def bring_content_up_to_date(place: LedgerPlace, seals: Seals | None) -> str | None:
    """Ingest what lies in spools of content; the reason if that is not possible."""
    if not place.holds_content():
        return None
    try:
        with ContentIngester(place.open_content, place.directory, seals) as ingester:
            ingester.run_once()
    except LedgerError as error:
        return error.message
    return None


def forget_content(place: LedgerPlace, whose: Whose, name: str) -> int:
    """Erase content, also what is still in the spools; returns of how many exchanges. It is noted in the trail.

    It takes no key: what an exchange is known by is never encrypted.
    """
    if not place.holds_content():
        return 0
    if trouble := bring_content_up_to_date(place, None):
        raise LedgerError(f"content waits in its spool and may be of '{name[:100]}'; it is not erased: {trouble}")
    with place.open_content() as store:
        count = store.forget(whose, name, time.time_ns())
    note_in_trail(place, "forget", name if whose == "id" else f"{whose} {name}")
    return count


def note_in_trail(place: LedgerPlace, action: str, *names: str) -> None:
    """Write down that whoever typed the command did this with content, once for each name."""
    control = ControlPlace(place.directory, place.database)
    control.make()
    with control.open_store() as store, store.change(command_line(), time.time_ns()) as book:
        for name in names:
            book.note(action, "content", name)


def _holdings(place: LedgerPlace) -> tuple[Holding, ...]:
    if not place.holds_content():
        return ()
    with place.open_content() as store:
        return store.holdings()


def _day(at_ns: int) -> str:
    return datetime.fromtimestamp(at_ns // 1_000_000_000, UTC).date().isoformat()
