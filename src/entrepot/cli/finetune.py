"""`entrepot ledger export --for finetune`: stored exchanges as lines that a model is fine-tuned on."""

from __future__ import annotations

import os
import time
from pathlib import Path

import click
import msgspec
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from entrepot.catalog.load import load_catalog
from entrepot.cli.content import note_in_trail, opened_content
from entrepot.errors import LedgerError
from entrepot.learning.finetune.choosing import Wanted
from entrepot.learning.finetune.export import SUMMARY, FinetuneExport
from entrepot.learning.finetune.terms import Terms
from entrepot.ledger.store import Period
from entrepot.settings.load import find_settings_file, load_settings


class FinetuneOptions(msgspec.Struct, frozen=True):
    """What `ledger export` was told that only fine-tuning takes."""

    route: str | None = None
    since_ns: int | None = None
    until_ns: int | None = None
    min_outcome: float = 0.8
    alike: float = 0.8
    validation: float = 0.1
    allow: tuple[str, ...] = ()
    first_answers: bool = False


def export_for_finetuning(directory: Path, ledger: Path | None, config: Path | None, options: FinetuneOptions) -> None:
    """Write the files to DIRECTORY and say what is in them."""
    place, seals = opened_content(ledger, config)
    if not place.holds_content() or not place.exists():
        raise LedgerError(
            f"nothing is kept of what was said beside {place}: a route keeps it with store_content = true"
        )
    wanted = Wanted(options.min_outcome, options.alike, options.validation, not options.first_answers)
    terms = Terms(load_catalog(), frozenset(options.allow), _licences(ledger, config))
    note_in_trail(place, "export", f"fine-tuning: {directory.absolute()}")
    console = Console(stderr=True)
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with (
        place.open_content() as contents,
        place.open_reader() as reader,
        Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress,
    ):
        bar = progress.add_task("reading", total=None)
        export = FinetuneExport(
            contents, reader, seals, terms, wanted,
            period=Period(options.since_ns, options.until_ns), route=options.route,
        )  # fmt: skip
        done = export.write(directory, time.time(), lambda read: progress.update(bar, description=f"read {read:,}"))
    left_out = sum(done.left_out.values())
    told = f"{done.sides['train']:,} lines to train on and {done.sides['validation']:,} for validation"
    click.echo(f"{told} are written to {directory}; {left_out:,} exchanges are left out: {SUMMARY} says why")
    for reason, number in done.left_out.most_common():
        click.echo(f"  {number:,}  {reason}")


def _licences(ledger: Path | None, config: Path | None) -> dict[str, str]:
    """The licences that the settings say, by deployment."""
    found = None if ledger is not None else find_settings_file(config, os.environ, Path.cwd())
    if found is None:
        return {}
    deployments = load_settings(found, os.environ).deployments
    return {one.id: one.licence for one in deployments if one.licence is not None}
