"""`entrepot explain`: which model would answer this prompt, and why, without asking any."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import click
import msgspec
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from entrepot.assembly import decide_offline
from entrepot.catalog.nearest import did_you_mean
from entrepot.catalog.places import COUNTRIES
from entrepot.cli.rule_effects import render_effects
from entrepot.control.in_force import read_in_force
from entrepot.errors import SettingsError
from entrepot.exchange.cascading import describe_cascade
from entrepot.exchange.circumstance import Seen
from entrepot.exchange.refusing import Refusal
from entrepot.exchange.steering import Steering
from entrepot.policy.rules import Principal
from entrepot.policy.teams import parents_of
from entrepot.routing.base import Basis
from entrepot.routing.utility import Decision, Weighed
from entrepot.settings.choose import require_settings
from entrepot.settings.principals import principal_of
from entrepot.settings.schema import Settings

_RESTS_ON: dict[Basis, str] = {
    "outcomes": "how the model did on other prompts",
    "scores": "its published benchmark scores",
    "prior": "nothing known of it, a guess on the low side",
}


@click.command()
@click.argument("prompt")
@click.option("--route", default="auto", help="The route, model or deployment that a client would ask for.")
@click.option("--tag", "tags", multiple=True, help="A tag in force, as a key or a request would carry it.")
@click.option("--as", "key", help="The key that asks, by its name: with its team, tags and scope.")
@click.option("--data-class", "data_classes", multiple=True, help="A data class, as the request's header would say it.")
@click.option("--client-region", help="The client's country, as its key or your proxy would say it.")
@click.option("--max-loss", type=click.FloatRange(0, 1), help="Points of quality below the reference: 0.02 is two.")
@click.option("--config", type=click.Path(path_type=Path), help="The settings file. Default: entrepot.toml here.")
@click.option("--json", "as_json", is_flag=True, help="Print the decision as JSON.")
def explain(
    prompt: str,
    route: str,
    tags: tuple[str, ...],
    key: str | None,
    data_classes: tuple[str, ...],
    client_region: str | None,
    max_loss: float | None,
    config: Path | None,
    as_json: bool,
) -> None:
    """Decide for PROMPT as the gateway would, and say why. PROMPT may be - to read it from standard input."""
    text = sys.stdin.read() if prompt == "-" else prompt
    steering = Steering(max_loss=max_loss, tags=frozenset(tags))
    settings = read_in_force(require_settings(config, os.environ, Path.cwd()))
    said = Seen(data_classes=frozenset(data_classes), region=_country(client_region))
    explained = decide_offline(settings, text, route, _principal(key, settings), steering, said)
    considered = explained.considered
    if explained.effects and not as_json:
        if explained.seen.counts:
            found = ", ".join(f"{count} {kind}" for kind, count in sorted(explained.seen.counts.items()))
            click.echo(f"Found in it: {found}")
        render_effects(explained.effects, Console())
    if isinstance(considered, Refusal):
        if considered.decision is not None and not as_json:
            render_decision(considered.decision, Console())
        raise considered.error
    cascade = None if considered.cascade is None else describe_cascade(considered.cascade)
    if as_json:
        told = {**msgspec.to_builtins(considered.decision), "strategy": cascade}
        told |= {"rules": msgspec.to_builtins(explained.effects), "sensitive": explained.seen.counts}
        click.echo(msgspec.json.encode(told).decode())
        return
    console = Console()
    render_decision(considered.decision, console)
    if cascade is not None:
        console.print(Text(cascade))


def _principal(key: str | None, settings: Settings) -> Principal:
    """Who asks with the key of this name; nobody in particular without one."""
    if key is None:
        return Principal()
    named = next((each for each in settings.keys if each.name == key), None)
    if named is None:
        known = did_you_mean(key, [each.name for each in settings.keys])
        raise SettingsError(f"there is no key '{key}' that lets anybody in{known}")
    return principal_of(named, parents_of(settings.teams))


def _country(word: str | None) -> str | None:
    if word is not None and word.upper() not in COUNTRIES:
        raise SettingsError(f"'{word}' is not a country's ISO 3166 code, such as CN or US")
    return None if word is None else word.upper()


def render_decision(decision: Decision, console: Console) -> None:
    """Print the candidates in the order in which they would be asked, then the sentence, then who was rejected and why."""
    place = {deployment: number for number, deployment in enumerate(decision.order, 1)}
    candidates = sorted(
        (weighed for weighed in decision.candidates if weighed.rejected is None),
        key=lambda weighed: place.get(weighed.deployment, len(place) + 1),
    )
    if candidates:
        console.print(_tabulate(candidates, place))
    # names come from settings and are no markup
    console.print(Text(decision.reason))
    _print_rejected(decision, console)
    if decision.router is not None:
        bases = dict.fromkeys(weighed.basis for weighed in candidates if weighed.basis is not None)
        rests = "; ".join(f"{basis}: {_RESTS_ON[basis]}" for basis in bases)
        console.print(Text(f"Router {decision.router}. Estimates rest on: {rests}."), style="dim")
    if decision.promise is not None:
        console.print(Text(f"Promised: {decision.promise}."))
    elif decision.router is not None:
        console.print(Text("These are estimates; this route promises no floor."), style="dim")


def _tabulate(candidates: Sequence[Weighed], place: Mapping[str, int]) -> Table:
    # Narrow padding, so that an id stays in one piece on 80 columns; where it cannot, it is the id that folds, no number.
    table = Table(box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column("", justify="right", no_wrap=True)
    table.add_column("deployment", overflow="fold")
    for heading in ("P(correct)", "output\ntokens", "cost,\nUSD"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("rests on", no_wrap=True)
    for weighed in candidates:
        number = place.get(weighed.deployment)
        style = "bold" if number == 1 else ""
        table.add_row(*(Text(cell, style=style) for cell in _cells(weighed, number)))
    return table


def _cells(weighed: Weighed, place: int | None) -> tuple[str, ...]:
    cost = "" if weighed.p_correct is None else "unknown"
    return (
        "" if place is None else str(place),
        weighed.deployment,
        "" if weighed.p_correct is None else f"{weighed.p_correct:.3f} ± {weighed.p_error or 0:.3f}",
        "" if weighed.output_tokens is None else f"{weighed.output_tokens:,.0f}",
        cost if weighed.cost_usd is None else f"{weighed.cost_usd:.6f}",
        weighed.basis or "",
    )


def _print_rejected(decision: Decision, console: Console) -> None:
    by_reason: dict[str, list[str]] = {}
    for weighed in decision.candidates:
        if weighed.rejected is not None:
            by_reason.setdefault(weighed.rejected, []).append(weighed.deployment)
    if by_reason:
        console.print("Rejected:")
    for reason, deployments in by_reason.items():
        console.print(Padding(Text(", ".join(deployments)), (0, 0, 0, 2)))
        console.print(Padding(Text(reason), (0, 0, 0, 6)))
