"""`entrepot check`: are the settings right, are the secrets there, does every deployment answer."""

from __future__ import annotations

import datetime
import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path

import click
import msgspec
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from entrepot.control.exporting import check_exporting
from entrepot.router_in_force import check_router, find_knobs
from entrepot.routing.worth import Knob
from entrepot.server.certificates import Certificate, look_at_certificates
from entrepot.settings.choose import require_settings
from entrepot.settings.content import content_seals
from entrepot.settings.reach import Reach, check_secrets, reach_all
from entrepot.settings.schema import Settings

NOT_READY = 3


@click.command()
@click.option("--config", type=click.Path(path_type=Path), help="The settings file. Default: entrepot.toml here.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--offline", is_flag=True, help="Check settings and secrets only; open no connection.")
def check(config: Path | None, as_json: bool, offline: bool) -> None:
    """Verify the settings and reach each deployment.

    Certificates are read. A deployment is reached with the smallest request that proves its key.

    Exit code: 0 all is well, 2 the settings are wrong, 3 a secret is missing, a certificate cannot be used or a deployment cannot
    be reached.
    """
    settings = require_settings(config, os.environ, Path.cwd())
    check_router(settings)
    check_exporting(settings.telemetry, os.environ)
    content_seals(settings, os.environ)
    knobs = find_knobs(settings)
    if offline:
        wrong = check_secrets(settings.deployments, os.environ)
        reaches = [Reach(one, reachable=False, hint=hint) for one, hint in wrong.items()]
    else:
        reaches = reach_all(settings.deployments, os.environ)
    certificates = look_at_certificates(settings, datetime.datetime.now(datetime.UTC))
    well = all(reach.reachable for reach in reaches) and not settings.absent_keys
    well = well and all(each.usable for each in certificates)
    if as_json:
        click.echo(_render_json(settings, reaches, certificates, knobs, well=well, offline=offline))
    else:
        _print_table(settings, reaches, offline=offline)
        for each in certificates:
            click.echo(f"{each.where}: {each.hint or f'certificates are good until {each.ends:%Y-%m-%d}'}")
        for name, knob in knobs.items():
            click.echo(f"route {name}: {tell_promise(knob)}")
    sys.exit(0 if well else NOT_READY)


def tell_promise(knob: Knob) -> str:
    """What a route promises of its choices, on which grounds, and what it leaves out."""
    if knob.promise is None:
        return f"promises nothing; {knob}"
    if knob.refused:
        return str(knob.promise)
    left = f"; for want of outcomes never chosen first: {', '.join(knob.left_out)}" if knob.left_out else ""
    return f"{knob.promise}: there {knob.came_to}{left}"


def _render_json(
    settings: Settings,
    reaches: list[Reach],
    certificates: list[Certificate],
    knobs: Mapping[str, Knob],
    *,
    well: bool,
    offline: bool,
) -> str:
    shown = {
        "settings": settings.source,
        "well": well,
        "offline": offline,
        "warnings": list(settings.warnings),
        "deployments": [msgspec.to_builtins(reach) for reach in reaches],
        "certificates": [msgspec.to_builtins(each) for each in certificates],
        "routes": [
            {"name": name, **msgspec.to_builtins(knob), "told": tell_promise(knob)} for name, knob in knobs.items()
        ],
    }
    return json.dumps(shown, ensure_ascii=False, indent=2)


def _print_table(settings: Settings, reaches: list[Reach], *, offline: bool) -> None:
    click.echo(f"settings: {settings.source}: {_counts(settings)}")
    for warning in settings.warnings:
        click.echo(f"note: {warning}")
    if offline:
        for reach in reaches:
            click.echo(f"{reach.deployment}: {reach.hint}")
        if not reaches:
            click.echo("every secret of a deployment is there; nothing was called (--offline)")
        return
    table = Table(box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    for heading in ("deployment", "reachable", "status", "latency"):
        table.add_column(heading, overflow="fold", justify="right" if heading in ("status", "latency") else "left")
    for reach in reaches:
        table.add_row(
            Text(reach.deployment),
            Text("yes", style="green") if reach.reachable else Text("no", style="bold red"),
            Text("" if reach.status is None else str(reach.status)),
            Text("" if reach.latency_ms is None else f"{reach.latency_ms:.0f} ms"),
        )
    Console().print(table)
    for reach in reaches:  # below, where a sentence has room
        if reach.hint:
            click.echo(f"{reach.deployment}: {reach.hint}")


def _counts(settings: Settings) -> str:
    counted = (
        (len(settings.deployments), "deployment"),
        (len(settings.routes), "route"),
        (len(settings.keys), "key"),
        (len(settings.rules), "rule"),
    )
    return ", ".join(f"{count} {word}{'' if count == 1 else 's'}" for count, word in counted)
