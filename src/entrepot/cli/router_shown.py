"""Versions of the router as they are shown."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import click
import msgspec

from entrepot.control.objects import Refit, Running
from entrepot.learning.status import LearningStatus
from entrepot.settings.schema import Settings

_SHOWN = 10


def show_versions(known: Sequence[Running], running: Running, *, as_json: bool) -> None:
    """Every version, one line each."""
    if as_json:
        click.echo(msgspec.json.encode([_told(one, running) for one in known]).decode())
        return
    for one in known:
        mark = "*" if one.version.name == running.version.name else " "
        click.echo(f"{mark} {_moment(one.at_s):20} {one.version.made_by:9} {one.version.name}")
    click.echo("\n* is in force")


def show_version(one: Running, running: Running, *, as_json: bool) -> None:
    """One version, whole."""
    if as_json:
        click.echo(msgspec.json.encode(_told(one, running)).decode())
        return
    version = one.version
    click.echo(f"{version.name}{', in force' if version.name == running.version.name else ''}")
    click.echo(f"  made of     {version.base_version}, by {version.made_by}, {_moment(version.made_s)}")
    click.echo(f"  learned on  {version.fitted_on or 'nothing live'}")
    click.echo(f"  tested      {version.evaluation or 'not against live outcomes'}")
    if one.by:
        click.echo(f"  in force    since {_moment(one.at_s)}, by {one.by}: {one.why}")
    for model, adjusted in sorted(version.correction.models.items()):
        click.echo(
            f"  {model}: logit x {adjusted.slope:g} {adjusted.shift:+g}, and {adjusted.ease:+g} times the prompt's ease"
        )


def show_status(
    running: Running, refits: Sequence[Refit], status: LearningStatus, settings: Settings, *, as_json: bool
) -> None:
    """How learning stands, on one screen."""
    learning = settings.learning
    if as_json:
        told = {
            "running": _told(running, running),
            "outcomes": status.outcomes,
            "taken_in": status.taken_in,
            "seen_at_s": status.at_s,
            "doing": status.doing,
            "alarms": msgspec.to_builtins(status.alarms),
            "refits": msgspec.to_builtins(refits),
        }
        click.echo(msgspec.json.encode(told).decode())
        return
    click.echo(f"in force   {running.version.name}")
    click.echo(f"outcomes   {status.outcomes:,} of the last {learning.last_days} days, as of {_moment(status.at_s)}")
    since = f" since {_moment(running.since_s)}" if running.since_s else ""
    click.echo(
        f"taken in   {f'{status.taken_in:,}{since}' if learning.absorb else 'nothing: [learning] absorb = false'}"
    )
    every = "never by itself" if learning.refit_s is None else f"every {learning.refit_s / 3600:g} hours"
    click.echo(f"refits     {every}{f'; now: {status.doing}' if status.doing else ''}")
    for one in refits[:_SHOWN]:
        click.echo(f"  {_moment(one.started_s)}  {one.state}{f': {one.why}' if one.why else ''}")
    click.echo("alarms     " + ("none" if not status.alarms else ""))
    for alarm in status.alarms:
        click.echo(f"  {_moment(alarm.at_s)}  {alarm.kind}: {alarm.what}")


def _told(one: Running, running: Running) -> dict[str, Any]:
    return {
        **msgspec.to_builtins(one.version),
        "in_force": one.version.name == running.version.name,
        "promoted": one.settled.name,
        "at_s": one.at_s,
        "by": one.by,
        "why": one.why,
        "before": one.before,
    }


def _moment(at_s: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(at_s)) if at_s else "-"
