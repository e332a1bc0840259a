"""How the demonstration on recorded outcomes is printed."""

from __future__ import annotations

from collections.abc import Sequence

from entrepot.cli.demo_recorded import Split
from entrepot.reports.render import Cell, Column, Interval, Label, Table
from entrepot.routing.artifact import Provenance
from entrepot.simulator.contest import Entrant, stated_nano_usd
from entrepot.simulator.verdict import kept


def preface(split: Split, trained_on: Provenance) -> str:
    """What is replayed, and what the router has seen: said before any figure."""
    without = ""
    if split.without_text:
        without = f" Left out, because their texts were not kept: {', '.join(split.without_text)}."
    if not split.texts_kept:
        without += (
            " Only the answers extracted from the models' texts were kept: the stand-ins send those, and no reasoning."
        )
    return (
        "The providers in this demonstration are SIMULATED: stand-ins on this machine repeat what the named models were "
        "recorded to answer. The prompts, the answers and their token counts are real; the gateway, its routing, its prices "
        "and its ledger are real.\n"
        f"{len(split.prompts)} prompts of {split.benchmark} go through the running gateway over HTTP to each of "
        f"{len(split.pool)} models by name, and to the route `auto`. Answers are judged from the text that came back, by the "
        f"rules of the recorded benchmarks; cost is what the gateway said of each answer.{without}\n"
        f"{_what_the_router_saw(split, trained_on)}"
    )


def _what_the_router_saw(split: Split, trained_on: Provenance) -> str:
    sources = "; ".join(trained_on.sources)
    told = f"The router was trained on {trained_on.prompts} prompts ({sources}; {trained_on.fitted_on}). "
    if "not replayed" in sources:
        return told + "None of the prompts below was among them."
    if split.benchmark in sources.casefold():
        return (
            told
            + "The prompts below may be AMONG THEM: its figures then say how well it remembers, not how it predicts."
        )
    return told + "Whether the prompts below were among them is not known."


def tabulate_contest(split: Split, entrants: Sequence[Entrant], billed_nano_usd: int) -> Table:
    """Quality and cost of every way of choosing, and how it compares with the best single model."""
    columns = (
        Column("strategy", "strategy", "text"),
        Column("quality", "quality", "fraction"),
        Column("quality_interval", "95 % interval", "interval"),
        Column("difference", "vs. best", "fraction"),
        Column("difference_interval", "95 % interval", "interval"),
        Column("cost_nano_usd", "cost", "nano_usd"),
        Column("cost_fraction", "of best's", "fraction"),
        Column("largest_share", "largest", "fraction"),
    )
    (best,) = (entrant for entrant in entrants if entrant.name == "always-best")
    rows = tuple(_row(entrant, best) for entrant in entrants)
    notes = [
        f"Best by quality on the other half of the prompts: {split.best}; cheapest there: {split.cheapest}. "
        "`auto 0.02` may lose two points of quality against the best. Largest: the part of the answers that came from "
        "the model which gave most of them.",
        "What the gateway said of cost agrees with the stand-ins' own books to the nano-dollar."
        if stated_nano_usd(entrants) == billed_nano_usd
        else "What the gateway said of cost does NOT agree with the stand-ins' own books.",
    ]
    failed = sum(entrant.quality.failed for entrant in entrants)
    if failed:
        notes.append(f"{failed} requests were not answered; they count as wrong.")
    unpriced = sum(entrant.unpriced for entrant in entrants)
    if unpriced:
        notes.append(f"{unpriced} answers came without a cost; they are in no sum.")
    return Table("strategies", "Quality and cost", columns, rows, tuple(notes))


def _row(entrant: Entrant, best: Entrant) -> tuple[Cell, ...]:
    quality = entrant.quality.interval
    difference = kept(entrant.quality, best.quality)
    itself = entrant.models == best.models
    name = f"{entrant.name} {entrant.setting}".strip()
    return (
        Label(name, name),
        quality.estimate,
        Interval(quality.low, quality.high, "fraction"),
        difference.estimate,
        None if itself else Interval(difference.low, difference.high, "fraction"),
        entrant.cost_nano_usd,
        entrant.cost_nano_usd / best.cost_nano_usd if best.cost_nano_usd else None,
        entrant.largest_share,
    )
