"""`entrepot outcomes sample` and `entrepot outcomes label`: exchanges given to a person by lot, and what the person said."""

from __future__ import annotations

import time
from pathlib import Path

import click
import msgspec

from entrepot.cli.content import note_in_trail, opened_content, place_options
from entrepot.cli.control_store import json_option
from entrepot.cli.report import bring_up_to_date, find_ledger, period_of, read_since
from entrepot.errors import LedgerError
from entrepot.learning.people import Asked, already_asked, draw, eligible, outcomes_of, read_asked, write_asked
from entrepot.ledger.content.answer import open_content
from entrepot.ledger.content.seal import Seals
from entrepot.ledger.content.transcript import render_answer, render_question
from entrepot.ledger.place import LedgerPlace
from entrepot.server.feedback import SCORES
from entrepot.statistics.judges import LEAST_LABELS


@click.command()
@click.option("--route", default="auto", show_default=True, help="The route.")
@click.option("--n", "count", type=click.IntRange(1, 100_000), default=100, show_default=True, help="How many.")
@click.option("--since", callback=read_since, help="From this time on: 2026-01-31, a full ISO time, or 7d, 12h ago.")
@click.option("--until", callback=read_since, help="Up to this time, not included.")
@click.option("--all", "every", is_flag=True, help="Also exchanges that no judge spoke of.")
@click.option("--to", type=click.Path(path_type=Path), default=Path("sample.csv"), show_default=True, help="The file.")
@place_options[0]
@place_options[1]
def sample(
    route: str,
    count: int,
    since: int | None,
    until: int | None,
    to: Path,
    ledger: Path | None,
    config: Path | None,
    *,
    every: bool,
) -> None:
    """Draw exchanges by lot for a person to judge, and write them to a file.

    Each stands there with its chance, and with what was asked and answered where the route keeps that; neither the model nor what
    judges said is told. Fill in the last column (good, bad, or a number from 0 to 1) and read it back with `entrepot outcomes
    label`. A larger sample of the same period holds the smaller one, with what was said of that.
    """
    place, seals = opened_content(ledger, config)
    if trouble := bring_up_to_date(place):
        click.echo(f"entries wait in the spool: {trouble}", err=True)
    if not place.exists():
        raise LedgerError(f"there is no ledger in {place}: say where with --ledger")
    period = period_of(since, until)
    with place.open_store() as store:
        drawn = draw(eligible(store, route, period, judged=not every), count)
        said = already_asked(store, period)
    if not drawn.exchanges:
        lacking = "" if every else " that a judge spoke of: with --all others are drawn as well"
        raise LedgerError(f"there are no completed exchanges of route '{route}' in this period{lacking}")
    told = {
        exchange: Asked(exchange, drawn.chance, label=repr(said[exchange].score) if exchange in said else "")
        for exchange in drawn.exchanges
        if exchange not in said or (said[exchange].chance or 0.0) < drawn.chance
    }
    asked = _with_words(place, seals, told)
    write_asked(asked, to)
    worded = [one.exchange for one in asked if one.answer]
    if worded:
        note_in_trail(place, "read", *worded)
    click.echo(
        f"{len(asked):,} of {drawn.of:,} exchanges of route '{route}' are in {to}, drawn with a chance of {drawn.chance:.3g}"
    )
    if len(worded) < len(asked):
        click.echo(f"of {len(asked) - len(worded):,} nothing is kept that was said: find them by their ids")
    if count < LEAST_LABELS:
        click.echo(f"judges are not corrected by fewer than {LEAST_LABELS} labels", err=True)


def _with_words(place: LedgerPlace, seals: Seals, told: dict[str, Asked]) -> list[Asked]:
    if not place.holds_content():
        return list(told.values())
    found = []
    with place.open_content() as store:
        for exchange, one in told.items():
            kept = store.find(exchange)
            said = None if kept is None else open_content(kept, seals)
            if said is None:
                found.append(one)
            else:
                worded = msgspec.structs.replace(one, question=render_question(said), answer=render_answer(said))
                found.append(worded)
    return found


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--by", "who", required=True, help="Who judged them: a name of one's own, as it is to stand in the ledger."
)
@place_options[0]
@place_options[1]
@json_option
def label(file: Path, who: str, ledger: Path | None, config: Path | None, *, as_json: bool) -> None:
    """Read back what a person said of the exchanges in a FILE of `entrepot outcomes sample`.

    Who judges several times changes their word: the last counts. Lines without a label are passed over.
    """
    asked = read_asked(file)
    place = find_ledger(ledger, config)
    found = outcomes_of(asked, who, SCORES, time.time_ns(), file)
    if trouble := bring_up_to_date(place):
        click.echo(f"entries wait in the spool: {trouble}", err=True)
    if not place.exists():
        raise LedgerError(f"there is no ledger in {place}: say where with --ledger")
    with place.open_store() as store:
        heard = {(one.exchange, one.who): (one.score, one.chance) for one in store.judgements(("person",))}
        known = [one for one in found if store.find(one.exchange) is not None]
        fresh = [one for one in known if heard.get((one.exchange, who)) != (one.score, one.chance)]
        store.insert_documents([], fresh)
    told = Labelled(len(asked), len(found), len(known), len(fresh))
    if as_json:
        click.echo(msgspec.json.encode(told).decode())
        return
    click.echo(f"{told.labelled:,} of {told.lines:,} exchanges have a label, {told.fresh:,} of them are new")
    if told.known < told.labelled:
        click.echo(f"{told.labelled - told.known:,} are not in the ledger in {place}, and were passed over", err=True)
    if told.labelled < told.lines:
        click.echo(
            f"{told.lines - told.labelled:,} are left out: if those are the hard ones, what people say is biased",
            err=True,
        )


class Labelled(msgspec.Struct, frozen=True):
    """Lines of the file, those with a label, of these those of exchanges in this ledger, and of these what is new."""

    lines: int
    labelled: int
    known: int
    fresh: int
