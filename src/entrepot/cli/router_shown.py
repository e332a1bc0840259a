"""Versions of the router as they are shown."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import click
import msgspec

from entrepot.control.objects import Running


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
