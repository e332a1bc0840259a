"""`entrepot outcomes`: what other tools found of answers, and people who were asked."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

import click
import msgspec

from entrepot.cli.people import label, sample
from entrepot.cli.report import bring_up_to_date, find_ledger
from entrepot.errors import LedgerError
from entrepot.exchange.outcome import Outcome, outcome_id
from entrepot.learning.outcome_rows import check_ending, write_rows
from entrepot.learning.sample_files import read_samples
from entrepot.learning.samples import Sample, rows_of
from entrepot.ledger.place import LedgerPlace


@click.group()
def outcomes() -> None:
    """What came of answers: files of tools, and people."""


outcomes.add_command(sample)
outcomes.add_command(label)


@outcomes.command("import")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--model", help="The model's name here, in place of what the file calls it; lm-eval's files need it.")
@click.option("--metric", help="The score that counts: Inspect's scorer, promptfoo's named score, lm-eval's metric.")
@click.option("--outcomes", "to", type=click.Path(path_type=Path), help="Write outcomes here (.jsonl or .parquet).")
@click.option("--prompts", type=click.Path(path_type=Path), help="Write their prompts here.")
@click.option("--ledger", type=click.Path(path_type=Path), help="The ledger's directory (or the file in it).")
@click.option("--config", type=click.Path(path_type=Path), help="The settings file. Default: entrepot.toml here.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def import_command(
    file: Path,
    model: str | None,
    metric: str | None,
    to: Path | None,
    prompts: Path | None,
    ledger: Path | None,
    config: Path | None,
    *,
    as_json: bool,
) -> None:
    """Read a log of Inspect AI, results of promptfoo or samples of lm-evaluation-harness.

    With --outcomes and --prompts it becomes files for `entrepot train`. Samples that name an exchange become outcomes in the
    ledger, once, however often the file is read.
    """
    if (to is None) != (prompts is None):
        raise click.UsageError("--outcomes and --prompts go together: an outcome is nothing without its prompt")
    for path in (to, prompts):
        if path is not None:
            check_ending(path)
    found = read_samples(file, model, metric)
    if to is not None and prompts is not None:
        rows, asked = rows_of(found.samples)
        write_rows(asked, prompts)
        write_rows(rows, to)
    named = [one for one in found.samples if one.exchange is not None]
    kept = _keep(named, find_ledger(ledger, config), needed=to is None) if named else 0
    told = Imported(
        found.kind,
        len(found.samples),
        found.unjudged,
        tuple(sorted({one.model for one in found.samples})),
        sum(one.score for one in found.samples) / len(found.samples),
        len(named),
        kept,
    )
    click.echo(msgspec.json.encode(told).decode() if as_json else _sentences(told, to))


class Imported(msgspec.Struct, frozen=True):
    """What was read: samples that were judged and not, their mean score, how many name an exchange, and one that is known."""

    kind: str
    samples: int
    unjudged: int
    models: tuple[str, ...]
    score: float
    exchanges: int
    kept: int


def _keep(samples: Sequence[Sample], place: LedgerPlace, *, needed: bool) -> int:
    """Write those of exchanges that this ledger has into it; how many those are."""
    if trouble := bring_up_to_date(place):
        click.echo(f"entries wait in the spool: {trouble}", err=True)
    if not place.exists() and not needed:
        return 0
    if not place.exists():
        raise LedgerError(f"the file names exchanges, and there is no ledger in {place}: say where with --ledger")
    now_ns = time.time_ns()
    with place.open_store() as store:
        known = [(one, id_) for one in samples if (id_ := one.exchange) is not None and store.find(id_) is not None]
        store.insert_documents([], [_outcome(one, id_, now_ns) for one, id_ in known])
    return len(known)


def _outcome(sample: Sample, exchange: str, now_ns: int) -> Outcome:
    id_ = outcome_id("file", sample.kind, sample.by, sample.prompt_id, exchange, repr(sample.score))
    return Outcome(id_, exchange, sample.at_ns or now_ns, "file", sample.kind, sample.score)


def _sentences(told: Imported, to: Path | None) -> str:
    lines = [f"{told.samples:,} samples of {', '.join(told.models)} ({told.kind}), mean score {told.score:.3f}"]
    if told.unjudged:
        lines.append(f"{told.unjudged:,} were not judged, and are missing")
    if to is not None:
        lines.append(f"written to {to}")
    if told.exchanges:
        lines.append(f"{told.kept:,} of {told.exchanges:,} that name an exchange are in the ledger")
    return "\n".join(lines)
