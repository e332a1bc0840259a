"""How the demonstration on generated tasks is printed: what is simulated, the report, the check against the truth."""

from __future__ import annotations

from collections.abc import Iterator

from entrepot.cli.demo_generated import HOLDOUT, MAX_LOSS, Figures
from entrepot.reports.added_time import tabulate_added_time
from entrepot.reports.render import Cell, Column, Label, Quantity, Table
from entrepot.reports.render import Interval as Shown
from entrepot.reports.savings import tabulate_savings
from entrepot.reports.share import tabulate_share
from entrepot.simulator.cast import FRONTIER, Cast
from entrepot.simulator.verdict import Quality
from entrepot.statistics.intervals import Interval


def preface(requests: int, seed: int) -> str:
    """What is simulated, and how: said before any figure."""
    return (
        "The providers in this demonstration are SIMULATED: they are stand-ins on this machine, no model is asked and "
        "nothing leaves it. The gateway, its routing, its prices and its ledger are real.\n"
        f"{requests} tasks are generated from seed {seed}, in English and in Chinese, together with their answer keys. A "
        "stand-in solves a task with probability 1/(1+exp(difficulty - skill)). Its skill is made of the model's published "
        "score s on GPQA Diamond, as ln(s/(1-s)); the difficulty is the task's kind, what shows in its text, and a random "
        "part that no router can see. Answers are graded from the text that came back over the wire. Prices are list "
        "prices; the lengths and delays of answers, and the price of the model on the premises, are assumed.\n"
        f"Route `auto` takes the least expensive model predicted to lose at most {100 * MAX_LOSS:g} points of quality against "
        f"{FRONTIER}, which is also the baseline. {HOLDOUT:.0%} of the requests, drawn by lot, go to the baseline "
        "instead (the route's holdout): they show what it really writes and costs, so that the saving is measured and not "
        "only predicted."
    )


def tabulate_cast(cast: Cast) -> Table:
    """The stand-ins and the facts they are made of."""
    columns = (
        Column("deployment", "stand-in", "text"),
        Column("maker_country", "maker's country", "text"),
        Column("region", "processed in", "text"),
        Column("score", "GPQA Diamond", "fraction"),
        Column("skill", "skill", "text"),
        Column("price", "per million tokens, in / out", "text"),
    )
    rows = []
    for player in cast.players:
        deployment, price = player.deployment, player.deployment.price
        cost = "unknown"
        if price is not None:
            cost = f"{price.input_per_mtok} / {price.output_per_mtok} {price.currency}"
        cells: tuple[Cell, ...] = (
            Label(deployment.id, deployment.id),
            Label(deployment.maker_country, deployment.maker_country),
            Label(deployment.region, "on the premises" if deployment.on_premises else deployment.region),
            player.score,
            Label(f"{player.skill:.3f}", f"{player.skill:.2f}"),
            Label(cost, cost),
        )
        rows.append(cells)
    return Table("stand_ins", "Who is simulated", columns, tuple(rows))


def tables_of(figures: Figures) -> Iterator[Table]:
    """The report, in the order in which it is printed."""
    for share in figures.shares:
        yield tabulate_share(share)
    yield tabulate_savings(figures.savings)
    yield _quality(figures)
    yield _check(figures)
    yield tabulate_added_time(figures.added)


def _quality(figures: Figures) -> Table:
    columns = (
        Column("side", "quality: tasks solved", "text"),
        Column("right", "of them", "count"),
        Column("quality", "quality", "fraction"),
        Column("interval", "95 % interval", "interval"),
    )
    requests = len(figures.tasks)
    rows = (
        _side("routed", "through the routes", figures.routed),
        _side("baseline", f"the baseline, {FRONTIER}", figures.frontier),
        (
            Label("difference", "kept against the baseline (same tasks)"),
            None,
            figures.difference.estimate,
            _cell(figures.difference),
        ),
    )
    notes = [f"{requests} tasks on each side; 0 would be no loss, {-100 * MAX_LOSS:g} points is what the route allows."]
    failed = figures.routed.failed + figures.frontier.failed
    if failed:
        notes.append(f"{failed} requests were not answered; they count as wrong.")
    return Table("quality", "Quality", columns, rows, tuple(notes))


def _side(name: str, text: str, quality: Quality) -> tuple[Cell, ...]:
    return (Label(name, text), sum(quality.right), quality.interval.estimate, _cell(quality.interval))


def _cell(interval: Interval) -> Cell:
    return Shown(interval.low, interval.high, "fraction")


def _check(figures: Figures) -> Table:
    columns = (
        Column("figure", "figure", "text"),
        Column("value", "value", "count"),
    )
    estimate = figures.savings.baseline
    rows: list[tuple[Cell, ...]] = [
        (Label("billed", "the routed requests, by the providers' own books"), _usd(figures.billed_nano_usd)),
        (Label("ledger", "the same, by the ledger"), _usd(figures.ledger_nano_usd)),
        (Label("baseline_measured", "the baseline asked for the same tasks, billed"), _usd(figures.baseline_nano_usd)),
    ]
    if estimate is not None:
        rows.append((Label("baseline_estimated", "what the ledger had estimated for it"), _usd(estimate.nano_usd)))
    saving = figures.baseline_nano_usd - figures.billed_nano_usd
    rows.append((Label("saving_measured", "the saving, measured"), _usd(saving)))
    rows.append(
        (Label("saving_fraction", "as a part of the baseline's cost"), _part(saving, figures.baseline_nano_usd))
    )
    agree = figures.billed_nano_usd == figures.ledger_nano_usd
    notes = (
        "The ledger agrees with the providers' books to the nano-dollar."
        if agree
        else "The ledger does NOT agree with the providers' books.",
        "The ledger's interval holds what the baseline really cost."
        if figures.covered
        else "The ledger's interval does NOT hold what the baseline really cost.",
    )
    return Table("check", "Checked against the truth, which only a simulation knows", columns, tuple(rows), notes)


def _usd(nano_usd: int) -> Quantity:
    return Quantity(nano_usd, "nano_usd")


def _part(part: int, whole: int) -> Quantity:
    return Quantity(part / whole if whole else None, "fraction")
