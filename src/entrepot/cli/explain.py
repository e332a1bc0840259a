"""`entrepot explain`: which model would answer this prompt, and why, without asking any."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click
import msgspec
from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table
from rich.text import Text

from entrepot.app import decide_offline
from entrepot.exchange.planning import Refusal, Steering
from entrepot.policy.rules import Principal
from entrepot.routing.base import Basis
from entrepot.routing.utility import Decision, Weighed
from entrepot.settings.choose import require_settings

_RESTS_ON: dict[Basis, str] = {
    "outcomes": "outcomes",
    "scores": "published scores",
    "prior": "nothing: a guess on the low side",
}


@click.command()
@click.argument("prompt")
@click.option("--route", default="auto", help="The route, model or deployment that a client would ask for.")
@click.option("--tag", "tags", multiple=True, help="A tag in force, as a key or a request would carry it.")
@click.option("--max-loss", type=click.FloatRange(0, 1), help="Points of quality below the reference: 0.02 is two.")
@click.option("--config", type=click.Path(path_type=Path), help="The settings file. Default: entrepot.toml here.")
@click.option("--json", "as_json", is_flag=True, help="Print the decision as JSON.")
def explain(
    prompt: str, route: str, tags: tuple[str, ...], max_loss: float | None, config: Path | None, as_json: bool
) -> None:
    """Decide for PROMPT as the gateway would, and say why. PROMPT may be - to read it from standard input."""
    text = sys.stdin.read() if prompt == "-" else prompt
    steering = Steering(max_loss=max_loss, tags=frozenset(tags))
    considered = decide_offline(require_settings(config, os.environ, Path.cwd()), text, route, Principal(), steering)
    if isinstance(considered, Refusal):
        if considered.decision is not None and not as_json:
            render_decision(considered.decision, Console())
        raise considered.error
    if as_json:
        click.echo(msgspec.json.encode(considered.decision).decode())
    else:
        render_decision(considered.decision, Console())


def render_decision(decision: Decision, console: Console) -> None:
    """Print the candidates in the order in which they would be asked, then what was rejected and why, then the sentence."""
    table = Table(box=SIMPLE)
    table.add_column("", justify="right")
    table.add_column("deployment", overflow="fold")
    for name in ("P(correct)", "output tokens", "cost, USD"):
        table.add_column(name, justify="right")
    table.add_column("rests on, or rejected for", overflow="fold")
    place = {deployment: number for number, deployment in enumerate(decision.order, 1)}
    for weighed in sorted(decision.candidates, key=lambda w: place.get(w.deployment, len(place) + 1)):
        table.add_row(*_row(weighed, place.get(weighed.deployment)))
    console.print(table)
    # names come from settings and are no markup
    console.print(Text(decision.reason))
    if decision.router is not None:
        console.print(Text(f"Router: {decision.router}."), style="dim")
    if decision.promise is not None:
        console.print(Text(decision.promise))
    elif decision.router is not None:
        console.print(Text("These are estimates; this route promises no floor."), style="dim")


def _row(weighed: Weighed, place: int | None) -> tuple[Text, ...]:
    style = "bold" if place == 1 else "" if place else "dim"
    why = weighed.rejected or ("" if weighed.basis is None else _RESTS_ON[weighed.basis])
    cost = "" if weighed.p_correct is None else "unknown"
    cells = (
        "" if place is None else str(place),
        weighed.deployment,
        "" if weighed.p_correct is None else f"{weighed.p_correct:.3f} ± {weighed.p_error or 0:.3f}",
        "" if weighed.output_tokens is None else f"{weighed.output_tokens:,.0f}",
        cost if weighed.cost_usd is None else f"{weighed.cost_usd:.6f}",
        why,
    )
    return tuple(Text(cell, style=style) for cell in cells)
