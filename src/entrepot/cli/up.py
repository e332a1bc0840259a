"""`entrepot up`: read the settings or find what is there, say so, and serve."""

from __future__ import annotations

import os
import secrets
import signal
import sys
from pathlib import Path

import click
import msgspec
from rich.console import Console
from rich.table import Table

from entrepot.app import Running, start
from entrepot.catalog.load import load_catalog
from entrepot.settings.client_key import ENTROPY_BYTES
from entrepot.settings.discover import discover
from entrepot.settings.load import find_settings_file, load_settings
from entrepot.settings.probe import probe
from entrepot.settings.schema import Settings

NOTHING_TO_SERVE = 2


@click.command()
@click.option("--config", type=click.Path(path_type=Path), help="The settings file. Default: entrepot.toml here.")
@click.option("--host", help="Listen on this address instead of the one in the settings.")
@click.option("--port", type=click.IntRange(0, 65535), help="Listen on this port; 0 takes a free one.")
@click.option("--processes", type=click.IntRange(1, 256), help="Number of gateway processes.")
def up(config: Path | None, host: str | None, port: int | None, processes: int | None) -> None:
    """Start the gateway. Without entrepot.toml it serves what it finds: API keys in the environment, local model servers."""
    console = Console(stderr=True)
    path = find_settings_file(config, os.environ, Path.cwd())
    settings, first_key = (load_settings(path, os.environ), None) if path is not None else _discover(console)
    settings = _overridden(settings, host, port, processes)
    for warning in settings.warnings:
        console.print(f"note: {warning}", markup=False)
    _warn_of_exposure(settings, console)
    installation = start(settings, os.environ)
    _introduce(settings, installation, first_key, console)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: installation.supervisor.request_stop())
    installation.run()


def _discover(console: Console) -> tuple[Settings, str | None]:
    found = discover(os.environ, probe, catalog=load_catalog(), entropy=secrets.token_bytes(ENTROPY_BYTES))
    for finding in found.findings:
        console.print(finding, markup=False)
    if found.settings is None:
        sys.exit(NOTHING_TO_SERVE)
    return found.settings, found.first_key


def _overridden(settings: Settings, host: str | None, port: int | None, processes: int | None) -> Settings:
    given = {"host": host, "port": port, "processes": processes}
    changes = {name: value for name, value in given.items() if value is not None}
    gateway = msgspec.structs.replace(settings.gateway, **changes)
    return msgspec.structs.replace(settings, gateway=gateway)


def _warn_of_exposure(settings: Settings, console: Console) -> None:
    if not settings.keys:
        console.print(
            "note: no keys are configured, so every request will be refused: `entrepot keys new NAME` makes one"
        )
    if settings.gateway.host not in ("127.0.0.1", "::1", "localhost"):
        console.print(
            f"note: listening on {settings.gateway.host} without TLS: put a TLS proxy in front before others use it"
        )


def _introduce(settings: Settings, installation: Running, first_key: str | None, console: Console) -> None:
    table = Table("route", "candidates", "goal", "reference", "baseline", box=None, pad_edge=False)
    for route in settings.routes:
        goal = route.goal
        told = (
            f"within {goal.max_loss * 100:g} points"
            if goal.kind == "cheapest_within"
            else f"under {goal.max_cost_usd} USD"
        )
        table.add_row(route.name, str(len(route.candidates)), told, route.reference or "-", route.baseline or "-")
    console.print(table)
    console.print(
        f"serving {len(settings.deployments)} deployments ({settings.source}) at {installation.base_url}", markup=False
    )
    if first_key is not None:
        console.print(f"key (shown once, gone when this stops): {first_key}", markup=False)
    console.print("stop with Ctrl-C")
