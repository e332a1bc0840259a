"""Trials as they are shown: a plan, and where each stands, on one screen."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import click
import msgspec

from entrepot.control.trial_keeping import tell
from entrepot.control.trials import Trial
from entrepot.learning.trial_evidence import Evidence, read
from entrepot.routing.trial import FULL
from entrepot.settings.schema import Settings


def show_plan(trial: Trial, *, as_json: bool) -> None:
    """How many sessions each stage needs, and for what."""
    if as_json:
        click.echo(msgspec.json.encode(_told(trial)).decode())
        return
    verb = "into" if trial.direction == "in" else "out of"
    click.echo(f"{trial.deployment} {verb} route '{trial.route}', trial '{trial.name}'")
    for planned in trial.stages:
        click.echo(f"\n{planned.stage.name} of sessions; at least {planned.units:,} sessions of the route")
        for gate in planned.stage.gates:
            size = planned.plans[gate.name].units
            role = f"must pass, within {size:,} with an outcome" if gate.required else "guards"
            click.echo(f"  {gate.name:10} {_asks(trial, gate.name, gate.margin)}: {role}")
    click.echo(f"\nthen {FULL}. An equal model needs about {sum(one.units for one in trial.stages):,} sessions in all")


def _asks(trial: Trial, name: str, margin: float) -> str:
    if name == "cost":
        return f"at most {trial.terms.cost_ratio:g} times, up to {trial.terms.most_usd:.6g} USD a session"
    return f"at most {100 * margin:g} points worse"


def show_status(seen: Sequence[tuple[Trial, Evidence | None]], settings: Settings, *, as_json: bool) -> None:
    """Every trial with what its gates say so far."""
    if as_json:
        click.echo(msgspec.json.encode([_status(trial, evidence) for trial, evidence in seen]).decode())
        return
    if not seen:
        click.echo("no trial: 'entrepot trial start MODEL --route auto' starts one")
    for trial, evidence in seen:
        _show(trial, evidence, settings)


def _show(trial: Trial, evidence: Evidence | None, settings: Settings) -> None:
    click.echo(f"{trial.name}: {trial.deployment} {trial.direction}, route '{trial.route}', {trial.standing}")
    if trial.deployment not in {one.id for one in settings.deployments}:
        click.echo("  the settings have no such deployment any more, so nobody is asked: stop this trial")
    if evidence is not None:
        planned = trial.stages[trial.number]
        new = sum(one.new for one in evidence.settled)
        click.echo(
            f"  {planned.stage.name}: {len(evidence.settled):,} of {planned.units:,} sessions, {new:,} in the new arm, "
            f"{len(evidence.judged):,} with an outcome"
        )
        readings = read(evidence, planned)
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


def _told(trial: Trial) -> dict[str, Any]:
    return {
        "name": trial.name,
        "route": trial.route,
        "deployment": trial.deployment,
        "direction": trial.direction,
        "standing": trial.standing,
        "stage": trial.stage,
        "since_s": trial.since_s,
        "started_s": trial.started_s,
        "terms": msgspec.to_builtins(trial.terms),
        "stages": [
            {
                "name": planned.stage.name,
                "share": planned.stage.share,
                "sessions": planned.units,
                "gates": {
                    gate.name: {
                        "margin": gate.margin,
                        "required": gate.required,
                        "sessions": planned.plans[gate.name].units,
                    }
                    for gate in planned.stage.gates
                },
            }
            for planned in trial.stages
        ],
        "steps": msgspec.to_builtins(trial.steps),
    }


def _status(trial: Trial, evidence: Evidence | None) -> dict[str, Any]:
    told = _told(trial)
    if evidence is not None:
        told["seen"] = {
            "sessions": len(evidence.settled),
            "new": sum(one.new for one in evidence.settled),
            "judged": len(evidence.judged),
            "gates": {
                name: {
                    "verdict": reading.verdict.value,
                    "sessions": reading.units,
                    "difference": list(reading.difference),
                    "overdue": reading.overdue,
                }
                for name, reading in read(evidence, trial.stages[trial.number]).items()
            },
        }
    return told
