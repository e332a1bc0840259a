"""The value table of a collection, for a terminal and as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from io import StringIO

import msgspec
from rich.console import Console

from entrepot.cli.collect_stage import SIMULATED, Stage
from entrepot.learning.collection import Collected
from entrepot.learning.value import Value, measure_values
from entrepot.reports.render import Column, Interval, Label, Row, Table, render_json, render_terminal
from entrepot.routing.guarantee import fewest_prompts
from entrepot.statistics import intervals

_SHOWN_TROUBLES = 10

_DEPLOYMENT = Column("deployment", "deployment", "text")
_WORTH = (
    _DEPLOYMENT,
    Column("answers", "answers", "count"),
    Column("quality", "quality", "fraction"),
    Column("quality_interval", "from … to", "interval"),
    Column("cost", "cost an answer", "nano_usd"),
)
_EFFORT = (
    _DEPLOYMENT,
    Column("input_tokens", "tokens in", "count"),
    Column("output_tokens", "tokens out", "count"),
    Column("latency", "latency, median", "ms"),
)
_MULTIPLES = (
    _DEPLOYMENT,
    Column("cheaper", "times cheaper", "count"),
    Column("shorter", "times shorter", "count"),
    Column("faster", "times faster", "count"),
)
_AGAINST = (
    _DEPLOYMENT,
    Column("paired", "prompts of both", "count"),
    Column("difference", "quality, more or less", "fraction"),
    Column("difference_interval", "from … to", "interval"),
    Column("provable_loss", "loss ruled out above", "fraction"),
)


def render_values(stage: Stage, found: Collected, confidence: float, *, as_json: bool, simulated: bool) -> str:
    """The tables, and why what is missing is missing."""
    reference = stage.reference(found.rows)
    models = {one.id: one.model for one in stage.intent.deployments}
    values = measure_values(found.rows, models, len(stage.intent.prompts), reference, confidence)
    tables = [
        _worth(found, values, confidence),
        _effort(values),
        _multiples(values, reference),
        _against(values, reference, len(stage.intent.prompts), confidence),
    ]
    if as_json:
        return render_json(
            tables,
            simulated=simulated,
            reference=reference,
            confidence=confidence,
            window=window_of(found),
            judging_cost_nano_usd=found.judging_nano_usd,
            out_of_money=found.out_of_money,
            missing=[msgspec.to_builtins(trouble) for trouble in found.troubles],
        )
    said = StringIO()
    console = Console(file=said, width=Console().width, highlight=False, force_terminal=False)
    if simulated:
        console.print(SIMULATED, markup=False, soft_wrap=True)
    for table in tables:
        console.print(render_terminal(table))
    for line in _missing(found):
        console.print(line, markup=False, soft_wrap=True)
    return said.getvalue().rstrip()


def window_of(found: Collected) -> str:
    """The days of the answers, from the first to the last."""
    days = sorted(row.at[:10] for row in found.rows)
    return "" if not days else days[0] if days[0] == days[-1] else f"{days[0]}..{days[-1]}"


def _worth(found: Collected, values: Sequence[Value], confidence: float) -> Table:
    notes = [f"Intervals hold with {confidence:.0%} confidence. Cost is what was billed; tokens out include reasoning."]
    if found.judging_nano_usd:
        notes.append(f"Judging cost ${found.judging_nano_usd / 1e9:.4f} besides.")
    rows: tuple[Row, ...] = tuple(
        (
            _name(value),
            value.answers,
            value.quality.estimate if value.answers else None,
            _interval(value.quality),
            None if value.cost_usd is None else round(value.cost_usd * 1e9),
        )
        for value in values
    )
    return Table("values", f"What each is worth, {window_of(found)}", _WORTH, rows, tuple(notes))


def _effort(values: Sequence[Value]) -> Table:
    rows: tuple[Row, ...] = tuple(
        (
            _name(value),
            round(value.input_tokens),
            round(value.output_tokens),
            value.duration_ms if value.answers else None,
        )
        for value in values
    )
    return Table("effort", "What an answer takes", _EFFORT, rows)


def _multiples(values: Sequence[Value], reference: str | None) -> Table:
    rows: tuple[Row, ...] = tuple(
        (_name(value), *(_rounded(ratio) for ratio in (value.cheaper, value.shorter, value.faster)))
        for value in values
        if value.difference is not None
    )
    return Table("multiples", f"How many times less than with {reference}", _MULTIPLES, rows)


def _against(values: Sequence[Value], reference: str | None, prompts: int, confidence: float) -> Table:
    two, five = fewest_prompts(0.02, confidence), fewest_prompts(0.05, confidence)
    notes = (
        f"A loss that is ruled out is what sending everything there could be promised to stay within, with {confidence:.0%} "
        f"confidence, on {prompts:,} prompts like these. To promise 5 points takes at least {five:,} prompts, 2 points {two:,}, "
        "even if nothing is lost.",
    )
    rows: tuple[Row, ...] = tuple(
        (
            _name(value),
            value.paired,
            value.difference.estimate,
            _interval(value.difference),
            value.provable_loss,
        )
        for value in values
        if value.difference is not None
    )
    return Table("against_reference", f"Quality against {reference}", _AGAINST, rows, notes)


def _name(value: Value) -> Label:
    return Label(value.deployment, value.deployment)


def _interval(of: intervals.Interval) -> Interval:
    return Interval(of.low, of.high, "fraction")


def _rounded(ratio: float | None) -> float | None:
    return None if ratio is None else round(ratio, 1 if ratio >= 10 else 2)


def _missing(found: Collected) -> list[str]:
    """Why what is missing is missing: each deployment and reason once."""
    counts: dict[tuple[str, str], int] = {}
    for trouble in found.troubles:
        what = trouble.reason if trouble.rule is None else f"the rule '{trouble.rule}' forbids it"
        counts[trouble.deployment, what] = counts.get((trouble.deployment, what), 0) + 1
    lines = [f"{count:,} missing of {deployment}: {what}" for (deployment, what), count in counts.items()]
    if len(lines) > _SHOWN_TROUBLES:
        lines = [*lines[:_SHOWN_TROUBLES], f"and {len(lines) - _SHOWN_TROUBLES} more reasons; --json lists all"]
    if found.out_of_money:
        lines.append("the sum allowed is spent; with a higher --max-cost-usd the same command goes on")
    return lines
