"""`entrepot ledger`: look after what was written down."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
import msgspec
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from entrepot.cli.content import content, forget_content, note_in_trail
from entrepot.cli.finetune import FinetuneOptions, export_for_finetuning
from entrepot.cli.report import bring_up_to_date, find_ledger, read_since
from entrepot.errors import LedgerError
from entrepot.ledger.content.store import Whose
from entrepot.ledger.export import export as write_parquet
from entrepot.ledger.kept_responses import FILE, ResponseStore
from entrepot.ledger.place import LedgerPlace
from entrepot.ledger.store import Principal
from entrepot.reports.scenario.kept import drop_kept

_PLACE = (
    click.option("--ledger", type=click.Path(path_type=Path), help="The ledger's directory (or the file in it)."),
    click.option("--config", type=click.Path(path_type=Path), help="The settings file. Default: entrepot.toml here."),
)


_SHARE = click.FloatRange(0, 1)


@click.group()
def ledger() -> None:
    """Look after the ledger."""


@ledger.command()
@_PLACE[0]
@_PLACE[1]
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def verify(ledger: Path | None, config: Path | None, *, as_json: bool) -> None:
    """Re-add every sum: columns against the documents, roll-ups against the entries. Exits with 3 where one differs."""
    place = _existing(ledger, config)
    if trouble := bring_up_to_date(place):
        click.echo(f"entries wait in the spool: {trouble}", err=True)
    with _working("reading the ledger against itself"), place.open_reader() as reader:
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
    place = _existing(ledger, config)
    with _working("making roll-ups"), place.open_store() as store:
        store.rebuild_rollups()
    click.echo(f"the roll-ups of {place} are made from its entries")


@ledger.command()
@click.argument("directory", type=click.Path(path_type=Path))
@_PLACE[0]
@_PLACE[1]
@click.option(
    "--for",
    "purpose",
    type=click.Choice(["analysis", "finetune"]),
    default="analysis",
    show_default=True,
    help="analysis: numbers, as Parquet; finetune: what was said, as chat JSONL.",
)
@click.option("--route", help="finetune: only what was said on this route.")
@click.option(
    "--since", callback=read_since, help="finetune: from this time on: 2026-01-31, a full ISO time, or 7d ago."
)
@click.option("--until", callback=read_since, help="finetune: up to this time, not included.")
@click.option("--min-outcome", type=_SHARE, help="finetune: the least outcome that is learned from. Default: 0.8.")
@click.option("--alike", type=_SHARE, help="finetune: lines that share so much of their text are one. Default: 0.8.")
@click.option("--validation", type=_SHARE, help="finetune: the newest share, held back. Default: 0.1.")
@click.option("--first-answers", is_flag=True, help="finetune: only the first answer of a conversation.")
@click.option(
    "--allow",
    multiple=True,
    help="finetune: a model, deployment or provider whose terms, as you have read them, let you train on its answers.",
)
def export(directory: Path, ledger: Path | None, config: Path | None, *, purpose: str, **given: Any) -> None:  # noqa: ANN401 - click's values of the options above
    """Write the ledger to DIRECTORY: numbers as Parquet, or what was said as lines to fine-tune a model on.

    Parquet is partitioned by day: exchanges/day=2026-01-31/…, attempts/…, outcomes/….

    Run it again, and only what is new is written; an export that was interrupted goes on where it was.
    """
    told = {name: value for name, value in given.items() if value is not None and value is not False and value != ()}
    if purpose == "finetune":
        times = {f"{name}_ns": told.pop(name) for name in ("since", "until") if name in told}
        export_for_finetuning(directory, ledger, config, FinetuneOptions(**told, **times))
        return
    if told:
        raise click.UsageError(f"--{next(iter(told)).replace('_', '-')} is for --for finetune")
    place = _existing(ledger, config)
    if trouble := bring_up_to_date(place):
        click.echo(f"entries wait in the spool: {trouble}", err=True)
    directory.mkdir(parents=True, exist_ok=True)
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with (
        Progress(*columns, console=console, disable=not console.is_terminal) as progress,
        place.open_reader() as reader,
    ):
        bar = progress.add_task("writing Parquet", total=None)
        done = write_parquet(
            reader, directory, lambda written, total: progress.update(bar, completed=written, total=total)
        )
    said = f" and {done.outcomes:,} outcomes" if done.outcomes else ""
    click.echo(f"{done.entries:,} entries{said} are written to {directory}, in {done.files:,} files")


_OF_TEAM = "SELECT key, id FROM entries WHERE team = ? AND key IS NOT NULL"


@ledger.command()
@_PLACE[0]
@_PLACE[1]
@click.option("--key", help="The name of the key whose exchanges are forgotten.")
@click.option("--team", help="The name of the team whose exchanges are forgotten.")
@click.option("--exchange", help="The id of one exchange, of which what was said is forgotten; its numbers stay.")
@click.option("--content-only", is_flag=True, help="Forget what was said; the numbers stay.")
@click.option("--yes", is_flag=True, help="Do not ask first.")
def forget(
    ledger: Path | None,
    config: Path | None,
    key: str | None,
    team: str | None,
    exchange: str | None,
    *,
    content_only: bool,
    yes: bool,
) -> None:
    """Delete all that is known of the exchanges of one key or team. It cannot be undone.

    Sums lose what these exchanges added, as though they had never been. Of days whose entries were dropped before
    (keep_days), only the sums by that key or team go. What was said in them, where a route kept that, goes too. What was
    exported, backed up or printed is not reached.
    """
    given: tuple[tuple[Whose, str | None], ...] = (("key", key), ("team", team), ("id", exchange))
    named = [(whose, name) for whose, name in given if name is not None]
    if len(named) != 1:
        raise click.UsageError("say whose exchanges: --key NAME or --team NAME; or which one: --exchange ID")
    ((whose, name),) = named
    if whose == "id" or content_only:
        _forget_words(ledger, config, whose, name, yes=yes)
        return
    principal: Principal = whose
    place = _existing(ledger, config)
    if not yes:
        click.confirm(f"Delete every exchange of the {principal} '{name}' from {place}?", abort=True)
    if trouble := bring_up_to_date(place):
        raise LedgerError(f"entries wait in the spool and may be of that {principal}; nothing is deleted: {trouble}")
    with _working("forgetting"), place.open_store() as store:
        responses = _forget_responses(place, whose, name)  # while the ledger still knows which are a team's
        count = store.forget(principal, name, time.time_ns())
    drop_kept(place.directory)  # what was made of entries for scenarios is made again without these
    click.echo(f"{count:,} exchanges of the {principal} '{name}' are deleted from {place}")
    if responses:
        click.echo(f"{responses:,} kept responses are deleted with them")
    if count := forget_content(place, whose, name):
        click.echo(f"what was said in {count:,} of them is erased")


def _forget_words(ledger: Path | None, config: Path | None, whose: Whose, name: str, *, yes: bool) -> None:
    place = find_ledger(ledger, config)
    told = f"the exchange {name}" if whose == "id" else f"every exchange of the {whose} '{name}'"
    if not yes:
        click.confirm(f"Erase what was said in {told} from {place}?", abort=True)
    count = forget_content(place, whose, name)
    click.echo(f"what was said in {count:,} exchange{'' if count == 1 else 's'} is erased from {place}")
    if responses := _forget_responses(place, whose, name):
        click.echo(f"{responses:,} kept response{' is' if responses == 1 else 's are'} deleted with it")
        if not place.holds_content():
            note_in_trail(place, "forget", name if whose == "id" else f"{whose} {name}")


def _forget_responses(place: LedgerPlace, whose: Whose, name: str) -> int:
    """Delete what is kept of it for `previous_response_id`, which was said as well; a team's as far as the ledger knows."""
    if not (place.directory / FILE).exists():
        return 0
    kept = ResponseStore(place.directory, keep_days=1)
    if whose == "id":
        return kept.forget_exchange(name)
    if whose == "key":
        return kept.forget_key(name)
    if not place.exists():
        return 0
    if trouble := bring_up_to_date(place):
        raise LedgerError(f"entries wait in the spool and may be of that team; its kept responses stay: {trouble}")
    with place.open_store() as store:
        return kept.forget_exchanges(store.ask(_OF_TEAM, (name,)))


def _existing(ledger: Path | None, config: Path | None) -> LedgerPlace:
    place = find_ledger(ledger, config)
    if not place.exists():
        raise LedgerError(f"no ledger at {place}; it is made when the gateway records its first exchange")
    return place


ledger.add_command(content)


@contextmanager
def _working(doing: str) -> Iterator[None]:
    console = Console(stderr=True)
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        progress.add_task(doing, total=None)
        yield
