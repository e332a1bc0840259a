"""Trials as they are shown: a plan, and where each stands, on one screen."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence

import click
import msgspec

from entrepot.control.trial_keeping import tell
from entrepot.control.trial_shadow import shadow_usd
from entrepot.control.trial_told import describe_plan, describe_trial
from entrepot.control.trials import Trial
from entrepot.learning.trial_pairs import Pairs, Seen, read_stage
from entrepot.routing.trial import FULL
from entrepot.settings.schema import Settings


def show_plan(trial: Trial, notes: Sequence[str] = (), *, as_json: bool) -> None:
    """How many sessions each stage needs, for what, and what the first costs; `notes` are what to know of it."""
    if as_json:
        click.echo(msgspec.json.encode({**describe_plan(trial), "notes": notes}).decode())
        return
    verb = "into" if trial.direction == "in" else "out of"
    click.echo(f"{trial.deployment} {verb} route '{trial.route}', trial '{trial.name}'")
    for note in notes:
        click.echo(f"  {note}")
    for planned in trial.stages:
        beside = planned.stage.share is None
        if beside:
            click.echo(_beside(trial, planned.units))
        else:
            click.echo(f"\n{planned.stage.name} of sessions; at least {planned.units:,} sessions of the route")
        for gate in planned.stage.gates:
            size = planned.plans[gate.name].units
            units = "pairs, the first of each session" if beside else "with an outcome"
            role = f"must pass, within {size:,} {units}" if gate.required else "guards"
            click.echo(
                f"  {gate.name:10} {_asks(trial, gate.name, gate.margin, 'pair' if beside else 'session')}: {role}"
            )
    needed = sum(one.units for one in trial.stages if one.stage.share is not None)
    click.echo(f"\nthen {FULL}. An equal model needs about {needed:,} sessions in all" + _and_pairs(trial))


def _and_pairs(trial: Trial) -> str:
    first = trial.stages[0]
    return f", after {first.units:,} pairs" if first.stage.share is None else ""


def _beside(trial: Trial, pairs: int) -> str:
    """What is done in shadow, and what that costs."""
    terms, usd = trial.terms, shadow_usd(trial)
    drawn = f"{100 * terms.shadow_share:g} % of exchanges are asked of it beside, and no client gets its answer"
    lines = [f"\nshadow; {drawn}; about {pairs:,} pairs, compared by {terms.compare}"]
    cap = f"at most {terms.shadow_usd_per_day.normalize():f} USD a day, judges apart"
    if usd is None:
        lines.append(f"  {cap}; what it comes to is not known without --mean-usd")
    else:
        days = math.ceil(usd / float(terms.shadow_usd_per_day))
        lines.append(f"  about {usd:.2f} USD for its answers, {cap}: {days:,} {'day' if days == 1 else 'days'} or more")
    return "\n".join(lines)


def _asks(trial: Trial, name: str, margin: float, unit: str) -> str:
    if name == "cost":
        return f"at most {trial.terms.cost_ratio:g} times, up to {trial.terms.most_usd:.6g} USD a {unit}"
    return f"at most {100 * margin:g} points worse"


def show_status(seen: Sequence[tuple[Trial, Seen | None]], settings: Settings, *, as_json: bool) -> None:
    """Every trial with what its gates say so far."""
    if as_json:
        click.echo(msgspec.json.encode([describe_trial(trial, evidence) for trial, evidence in seen]).decode())
        return
    if not seen:
        click.echo("no trial: 'entrepot trial start MODEL --route auto' starts one")
    for trial, evidence in seen:
        _show(trial, evidence, settings)


def _show(trial: Trial, evidence: Seen | None, settings: Settings) -> None:
    click.echo(f"{trial.name}: {trial.deployment} {trial.direction}, route '{trial.route}', {trial.standing}")
    if trial.deployment not in {one.id for one in settings.deployments}:
        click.echo("  the settings have no such deployment any more, so nobody is asked: stop this trial")
    if evidence is not None:
        planned = trial.stages[trial.number]
        click.echo(f"  {planned.stage.name}: {_so_far(evidence, planned.units)}")
        readings = read_stage(evidence, planned)
        for gate in planned.stage.gates:
            said = (
                tell(gate.name, readings[gate.name]) if gate.name in readings else f"{gate.name} has seen nothing yet"
            )
            click.echo(f"  {'must' if gate.required else 'guard':5}  {said}")
    if trial.standing == "full":
        verb = "add it to" if trial.direction == "in" else "take it from"
        click.echo(f"  to keep it so: {verb} the route's candidates in the settings, then stop this trial")
    for step in trial.steps:
        at = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(step.at_s))
        click.echo(f"  {at}  {step.what}: {step.why}")


def _so_far(seen: Seen, units: int) -> str:
    if isinstance(seen, Pairs):
        return f"{seen.units:,} of {units:,} pairs; {seen.asked:,} asked beside, {seen.answered:,} answered"
    new = sum(one.new for one in seen.settled)
    return f"{seen.units:,} of {units:,} sessions, {new:,} in the new arm, {len(seen.judged):,} with an outcome"
