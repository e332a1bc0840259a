"""`entrepot report`: what it cost, what it saved, and who got the work."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import click

from entrepot.cli.coming_in import await_control
from entrepot.cli.shown import Form, choose_form, form_options, print_tables, write_page
from entrepot.errors import LedgerError
from entrepot.exchange.outcome import OutcomeSource
from entrepot.learning.promises import read_promises
from entrepot.ledger.ingest import Ingester
from entrepot.ledger.place import LedgerPlace
from entrepot.ledger.spool import list_spools
from entrepot.ledger.sqlite import LEDGER_FILE
from entrepot.ledger.store import DIMENSIONS, Dimension, LedgerReader, Period, Sums
from entrepot.reports.contents import DIVIDED, REPORTS, Question, tables_of
from entrepot.reports.judges import PEOPLE
from entrepot.reports.outcomes import SOURCES
from entrepot.reports.render import Table, render_csv, render_json
from entrepot.reports.wording import Language, Words, words_of
from entrepot.settings.discover import data_directory
from entrepot.settings.ledger import ledger_place
from entrepot.settings.load import find_settings_file, load_settings

_NS = 1_000_000_000
_BY_HELP = f"What to divide by; may be given several times. One of: {', '.join(DIMENSIONS).replace('_', '-')}."
_UNITS_S = {"m": 60, "h": 3600, "d": 86_400, "w": 7 * 86_400}


def read_since(context: click.Context, parameter: click.Parameter, value: str | None) -> int | None:  # noqa: ARG001 - click calls it
    """A point in time as nanoseconds since 1970: 2026-01-31, 2026-01-31T08:00+08:00, or 7d (so long ago); UTC."""
    if value is None:
        return None
    ago = re.fullmatch(r"(\d{1,5})([mhdw])", value)
    if ago:
        return time.time_ns() - int(ago[1]) * _UNITS_S[ago[2]] * _NS
    try:
        moment = datetime.fromisoformat(value)
        moment = moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError) as error:  # the latter: in UTC it lies before the year 1, or after 9999
        wanted = "a date (2026-01-31), a time (2026-01-31T08:00+08:00) or how long ago (7d, 12h)"
        raise click.BadParameter(f"{value!r} is no time; write {wanted}") from error
    since_1970 = moment - datetime(1970, 1, 1, tzinfo=UTC)
    return (since_1970.days * 86_400 + since_1970.seconds) * _NS + since_1970.microseconds * 1000


def read_span(context: click.Context, parameter: click.Parameter, value: str | None) -> Period | None:
    """Two points in time, the second not included: 2026-01-01..2026-02-01, or 14d..7d; either may be left out."""
    if value is None:
        return None
    first, dots, last = value.partition("..")
    if not dots:
        raise click.BadParameter(f"{value!r} is no period; write 2026-01-01..2026-02-01")
    since, until = (read_since(context, parameter, end or None) for end in (first, last))
    return period_of(since, until)


def period_of(since: int | None, until: int | None) -> Period:
    """What lies between. Raises BadParameter where it ends before it begins: its figures would be those of no traffic."""
    if since is not None and until is not None and since >= until:
        raise click.BadParameter(f"the period begins at {_iso(since)} and ends at {_iso(until)}: nothing lies between")
    return Period(since, until)


def _dimensions(
    context: click.Context,  # noqa: ARG001 - click calls it
    parameter: click.Parameter,  # noqa: ARG001 - click calls it
    values: Sequence[str],
) -> tuple[Dimension, ...]:
    """Dimensions by their names, with dashes or underscores."""
    known = {name.replace("_", "-"): name for name in DIMENSIONS}
    asked = [value.replace("_", "-") for value in values]
    for name in asked:
        if name not in known:
            raise click.BadParameter(f"{name!r} is no dimension; one of: {', '.join(known)}")
    return tuple(known[name] for name in asked)


@click.command()
@click.argument("kind", type=click.Choice(list(REPORTS)), default="all")
@click.option("--by", "by", callback=_dimensions, multiple=True, help=_BY_HELP)
@click.option("--since", callback=read_since, help="From this time on: 2026-01-31, a full ISO time, or 7d, 12h ago.")
@click.option("--until", callback=read_since, help="Up to this time, not included.")
@click.option(
    "--against", callback=read_span, help="The period from which `share` shows flows: 2026-01-01..2026-02-01."
)
@click.option(
    "--people",
    type=click.Choice([name for name in SOURCES if name not in ("judge", "agreement")]),
    multiple=True,
    help="Whose outcomes count as people's, to correct judges by in `quality`; may be given several times. "
    f"Default: {' and '.join(PEOPLE)}.",
)
@click.option("--ledger", type=click.Path(path_type=Path), help="The ledger's directory (or the file in it).")
@click.option("--config", type=click.Path(path_type=Path), help="The settings file. Default: entrepot.toml here.")
@form_options
def report(
    kind: str,
    by: tuple[Dimension, ...],
    since: int | None,
    until: int | None,
    against: Period | None,
    people: tuple[OutcomeSource, ...],
    ledger: Path | None,
    config: Path | None,
    form: Form | None,
    page: Path | None,
    language: Language,
) -> None:
    """What exchanges cost, what was saved, who answered and how well.

    Without KIND a summary is printed. Entries that still lie in spools are brought into the ledger first.
    """
    form = choose_form(form, page)
    _refuse_unused(kind, by, against, people)
    place = find_ledger(ledger, config)
    words, period = words_of(language), period_of(since, until)
    trouble = bring_up_to_date(place)
    tables: list[Table] = []
    totals = Sums()
    notes = _trouble(trouble, words)
    if place.exists():
        with place.open_reader() as reader:
            totals = reader.totals(period)
            if totals.exchanges:
                full = form in ("json", "csv")
                asked = Question(reader, time.time_ns(), period, by, words, full, against, people or PEOPLE)
                tables = list(tables_of(kind, asked))
                notes = [*_cautions(reader, words), *notes, *_withdrawn(place.directory, words)]
    if not totals.exchanges:
        between = "" if period == Period() else words("between")
        notes = [words("empty", between=between), *notes]
    if form == "json":
        click.echo(
            render_json(tables, ledger=str(place.directory), **_period_facts(period), totals=totals, notes=notes)
        )
    elif form == "csv":
        click.echo(render_csv(tables), nl=False)
        click.echo("\n".join(notes), err=True, nl=bool(notes))
    elif page is not None:
        lines = [_headline(totals, period, words), *notes]
        write_page(page, tables, words(f"report_{kind.replace('-', '_')}"), lines, language)
    elif not totals.exchanges:
        click.echo("\n".join((*notes, str(place))))
    else:
        print_tables(tables, [_headline(totals, period, words), *notes])


def _refuse_unused(kind: str, by: Sequence[Dimension], against: Period | None, people: Sequence[str]) -> None:
    """Raises UsageError for an option that this report would pass over, so that nobody takes its figures for others."""
    if by and kind not in DIVIDED:
        raise click.UsageError(f"--by divides these reports: {', '.join(sorted(DIVIDED))}; {kind} shows its own tables")
    if against is not None and kind != "share":
        raise click.UsageError(
            "--against says from which period `entrepot report share` shows flows; leave it out here"
        )
    if people and kind != "quality":
        raise click.UsageError("--people says by whom `entrepot report quality` corrects judges; leave it out here")


def find_ledger(ledger: Path | None, config: Path | None) -> LedgerPlace:
    """Where the ledger is: as named, as the settings say, or where it lies without settings."""
    if ledger is not None and config is not None:
        raise click.UsageError("--ledger and --config both say where the ledger is; give one of them")
    if ledger is not None:
        directory = ledger.parent if ledger.name == LEDGER_FILE else ledger
        if not directory.is_dir():
            raise LedgerError(f"there is no directory {directory}: name the one that holds {LEDGER_FILE}")
        return LedgerPlace(directory)
    found = find_settings_file(config, os.environ, Path.cwd())
    if found is not None:
        return ledger_place(load_settings(found, os.environ), os.environ)
    return LedgerPlace(data_directory(os.environ))


def bring_up_to_date(place: LedgerPlace) -> str | None:
    """Ingest what lies in spools; the reason if that is not possible. Makes no ledger where there is nothing to ingest."""
    try:
        if list_spools(place.directory):
            with place.open_store() as store:
                if not await_control(store, place.directory):
                    Ingester(store, place.directory).run_once()
    except LedgerError as error:
        return error.message
    return None


def _cautions(reader: LedgerReader, words: Words) -> list[str]:
    damaged = [progress for progress in reader.spool_progress().values() if progress.damaged]
    if not damaged:
        return []
    count, size = sum(one.damaged for one in damaged), sum(one.damaged_bytes for one in damaged)
    return [words("damaged", count=count, size=size)]


def _trouble(trouble: str | None, words: Words) -> list[str]:
    """What to say of entries that could not be ingested."""
    return [] if trouble is None else [words("not_ingested", why=trouble)]


def _withdrawn(directory: Path, words: Words) -> list[str]:
    """The promises that fresh outcomes broke. Raises DataError if their file is damaged."""
    return [
        words("withdrawn", route=name, since=one.alarm_at[:10], promise=str(one.knob.promise))
        for name, one in read_promises(directory).routes.items()
        if one.alarm_at is not None and one.knob is not None
    ]


def _headline(totals: Sums, period: Period, words: Words) -> str:
    return words(
        "period",
        exchanges=totals.exchanges,
        first=words("open_start") if period.since_ns is None else _iso(period.since_ns),
        last=words("open_end") if period.until_ns is None else _iso(period.until_ns),
    )


def _period_facts(period: Period) -> dict[str, str | None]:
    return {
        "since": None if period.since_ns is None else _iso(period.since_ns),
        "until": None if period.until_ns is None else _iso(period.until_ns),
    }


def _iso(moment_ns: int) -> str:
    return datetime.fromtimestamp(moment_ns // 1_000_000_000, UTC).isoformat().replace("+00:00", "Z")
