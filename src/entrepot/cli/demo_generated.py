"""The demonstration on generated tasks: what is sent, and the figures of what came back."""

from __future__ import annotations

import time
from collections.abc import Sequence

import msgspec
from rich.console import Console

from entrepot.catalog.pricing import ExchangeRates
from entrepot.cli.demo_stage import Stage, send, settings_for, settled_ledger
from entrepot.exchange.plan import Route
from entrepot.ledger.store import Dimension, Period
from entrepot.reports.added_time import AddedTime, measure_added_time
from entrepot.reports.savings import Savings, measure_savings
from entrepot.reports.share import Share, measure_share
from entrepot.routing.utility import Goal
from entrepot.settings.schema import Settings
from entrepot.simulator.bills import fetch_books, owed_nano_usd
from entrepot.simulator.cast import FRONTIER, Cast, place
from entrepot.simulator.grade import grade
from entrepot.simulator.process import Addresses
from entrepot.simulator.tasks import Task, generate_tasks
from entrepot.simulator.verdict import Quality, kept, quality_of
from entrepot.simulator.workload import Ask, Got
from entrepot.statistics.intervals import Interval

MAX_LOSS = 0.02
HOLDOUT = 0.1
_SHARES: tuple[Dimension, ...] = ("model", "maker_country", "region")


class Figures(msgspec.Struct, frozen=True):
    """What the demonstration came to. Money in nano-dollars.

    `savings` is the ledger's estimate from the routed requests alone; `baseline_nano_usd` what the providers billed when the
    baseline was asked the same tasks. `billed_nano_usd` and `ledger_nano_usd` are the cost of the routed requests by the
    providers' books and by the ledger.
    """

    tasks: tuple[Task, ...]
    routed: Quality
    frontier: Quality
    difference: Interval
    savings: Savings
    shares: tuple[Share, ...]
    added: AddedTime
    billed_nano_usd: int
    ledger_nano_usd: int
    baseline_nano_usd: int

    @property
    def covered(self) -> bool:
        """Whether the ledger's interval of the baseline's cost holds what the baseline really cost."""
        estimate = self.savings.baseline
        return estimate is not None and estimate.low_nano_usd <= self.baseline_nano_usd <= estimate.high_nano_usd

    @property
    def well(self) -> bool:
        """Whether every request was answered and the ledger agrees with the providers."""
        return not self.routed.failed and not self.frontier.failed and self.billed_nano_usd == self.ledger_nano_usd


def settings_of(stage: Stage, cast: Cast, places: Addresses, rates: ExchangeRates, secret: str) -> Settings:
    """Every stand-in as a deployment, and the route `auto` over all of them, with a holdout that measures the saving."""
    deployments = place(cast.players, places, secret)
    routes = (
        Route("auto", tuple(d.id for d in deployments), Goal(max_loss=MAX_LOSS), FRONTIER, FRONTIER, holdout=HOLDOUT),
    )
    return settings_for(stage, deployments, routes, rates)


def measure(
    console: Console, stage: Stage, cast: Cast, places: Addresses, base_url: str, rates: ExchangeRates
) -> Figures:
    """Send the tasks to the routes, then to the baseline by its name, and add everything up."""
    tasks = generate_tasks(cast.plan.seed, cast.plan.tasks)
    (frontier,) = (player.deployment for player in cast.players if player.deployment.id == FRONTIER)
    since_ns = time.time_ns()
    asks = [_ask(number, task, "auto") for number, task in enumerate(tasks)]
    routed = send(console, "through the route", base_url, stage.key, asks)
    until_ns = time.time_ns()
    routed_rows = fetch_books(places.url)
    named = [_ask(number, task, frontier.id) for number, task in enumerate(tasks)]
    direct = send(console, "the same to the baseline", base_url, stage.key, named)
    named_rows = fetch_books(places.url)[len(routed_rows) :]
    period = Period(since_ns, until_ns)
    with settled_ledger(stage.directory, period, len(tasks)) as reader:
        qualities = _quality(tasks, routed), _quality(tasks, direct)
        return Figures(
            tasks=tasks,
            routed=qualities[0],
            frontier=qualities[1],
            difference=kept(*qualities),
            savings=measure_savings(reader, period),
            shares=tuple(measure_share(reader, dimension, period) for dimension in _SHARES),
            added=measure_added_time(reader, period),
            billed_nano_usd=owed_nano_usd(routed_rows, rates.usd_per_cny),
            ledger_nano_usd=reader.totals(period).cost_nano_usd,
            baseline_nano_usd=owed_nano_usd(named_rows, rates.usd_per_cny),
        )


def _ask(number: int, task: Task, model: str) -> Ask:
    # every second task of each family is streamed; families come in turn, and there are eight of them
    return Ask(task.id, model, task.prompt, stream=number // 8 % 2 == 1)


def _quality(tasks: Sequence[Task], got: Sequence[Got]) -> Quality:
    return quality_of(tasks, got, grade)
