"""`entrepot budgets`: what of each budget is spent, reserved and left in the period that is running."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import click
import msgspec
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from entrepot.catalog.pricing import format_usd
from entrepot.control.in_force import read_in_force
from entrepot.control.metering import build_book, open_counters
from entrepot.control.warning import BudgetState, budget_states
from entrepot.settings.choose import require_settings

NOT_COUNTED = 3


@click.command()
@click.option("--config", type=click.Path(path_type=Path), help="The settings file. Default: entrepot.toml here.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON; amounts are whole nano-dollars.")
def budgets(config: Path | None, *, as_json: bool) -> None:
    """Show what of each budget is spent, reserved and left.

    Exits with 3 where the shared counters have lost their memory and are not rebuilt yet.
    """
    settings = read_in_force(require_settings(config, os.environ, Path.cwd()))
    counters = open_counters(settings, os.environ)
    try:
        now_s, epoch = time.time(), counters.epoch()
        states = budget_states(build_book(settings), counters.states(now_s), now_s)
    finally:
        counters.close()
    if as_json:
        told = [{**msgspec.structs.asdict(state), "left_nano_usd": state.left_nano_usd} for state in states]
        click.echo(msgspec.json.encode(told).decode())
    elif not states:
        click.echo("no budget: [[budgets]] in the settings, or the admin API, makes one")
    else:
        Console().print(_tabulate(states))
    if states and (epoch is None or not epoch.active):
        click.echo("the counters are not rebuilt yet: what stands here may be too little", err=True)
        sys.exit(NOT_COUNTED)


def _tabulate(states: list[BudgetState]) -> Table:
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    table.add_column("budget", overflow="fold")
    table.add_column("of", overflow="fold")
    table.add_column("period", no_wrap=True)
    for heading in ("amount,\nUSD", "spent", "reserved", "left", "%"):
        table.add_column(heading, justify="right", no_wrap=True)
    for state in states:
        amounts = (state.amount_nano_usd, state.spent_nano_usd, state.reserved_nano_usd, state.left_nano_usd)
        percent = f"{100 * state.spent_nano_usd / state.amount_nano_usd:.1f}"
        name = state.budget if state.kind == "hard" else f"{state.budget} (soft)"
        cells = (name, state.scope or "all", state.period, *(format_usd(amount, 4) for amount in amounts), percent)
        table.add_row(*(Text(cell) for cell in cells))
    return table
