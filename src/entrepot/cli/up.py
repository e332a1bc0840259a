"""`entrepot up`: read the settings or find what is there, say so, and serve."""

from __future__ import annotations

import contextlib
import os
import secrets
import signal
import stat
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import click
import msgspec
from rich.console import Console

from entrepot.app import Running, start
from entrepot.catalog.load import load_catalog
from entrepot.cli.demo_generated import settings_of
from entrepot.cli.demo_stage import KEY_VARIABLE, Stage
from entrepot.control.in_force import read_in_force
from entrepot.control.members import make_first_admin
from entrepot.control.place import control_place
from entrepot.control.store import Actor
from entrepot.errors import ControlError, SettingsError
from entrepot.exchange.plan import Route
from entrepot.server.listening import admits_others
from entrepot.settings.choose import find_settings
from entrepot.settings.client_key import ENTROPY_BYTES, make_key
from entrepot.settings.discover import Discovery
from entrepot.settings.schema import GatewaySettings, Settings
from entrepot.simulator.cast import build_cast
from entrepot.simulator.process import simulator_process
from entrepot.telemetry.logs import set_up_logging

NOTHING_TO_SERVE = 2


@click.command()
@click.option("--config", type=click.Path(path_type=Path), help="The settings file. Default: entrepot.toml here.")
@click.option("--host", help="Listen on this address instead of the one in the settings.")
@click.option("--port", type=click.IntRange(0, 65535), help="Listen on this port; 0 takes a free one.")
@click.option("--processes", type=click.IntRange(1, 256), help="Number of gateway processes.")
@click.option("--simulate", is_flag=True, help="Serve stand-in providers on this machine: no API key, no network.")
def up(config: Path | None, host: str | None, port: int | None, processes: int | None, simulate: bool) -> None:
    """Start the gateway. Without entrepot.toml it serves what it finds: API keys in the environment, local model servers."""
    if simulate and config is not None:
        raise click.UsageError("--simulate brings settings of its own; leave --config away")
    console = Console(stderr=True, highlight=False)
    with contextlib.ExitStack() as stack:
        environ = dict(os.environ)
        found = _simulated(stack, environ) if simulate else find_settings(config, environ, Path.cwd())
        for finding in found.findings:
            console.print(finding, markup=False, soft_wrap=True)
        if found.settings is None:
            sys.exit(NOTHING_TO_SERVE)
        if found.settings.log.format == "json":
            set_up_logging("json", found.settings.log.level, "supervisor")
            console = Console(file=sys.stderr, highlight=False)

        def find() -> Settings:
            again = find_settings(config, environ, Path.cwd()).settings
            if again is None or simulate:
                raise SettingsError("there is no settings file to read again")
            return _overridden(again, host, port, processes)

        _serve(_overridden(found.settings, host, port, processes), environ, found.first_key, console, find)


def _serve(
    settings: Settings,
    environ: Mapping[str, str],
    first_key: str | None,
    console: Console,
    find: Callable[[], Settings],
) -> None:
    for warning in settings.warnings:
        console.print(f"note: {warning}", markup=False, soft_wrap=True)
    _warn_of_exposure(settings, console)
    installation = start(settings, environ)
    admin = None if installation.admin is None else _let_admin_in(settings)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: installation.supervisor.request_stop())
    hung_up: Callable[[], None] = lambda: installation.reload(find)  # noqa: E731 - one of two
    if sys.stdin.isatty():  # its terminal has gone
        hung_up = installation.supervisor.request_stop
    signal.signal(signal.SIGHUP, lambda *_: hung_up())
    _introduce(settings, installation, first_key, console)
    _introduce_admin(installation, admin, console)
    installation.run()


def _simulated(stack: contextlib.ExitStack, environ: dict[str, str]) -> Discovery:
    """The demonstration's stand-ins, for as long as `stack` lasts; their key goes into `environ`."""
    catalog = load_catalog()
    environ[KEY_VARIABLE] = secrets.token_urlsafe(24)
    cast = build_cast(catalog, seed=1, tasks=0, key=environ[KEY_VARIABLE])
    places = stack.enter_context(simulator_process(cast.plan))
    directory = stack.enter_context(tempfile.TemporaryDirectory(prefix="entrepot-simulated-"))
    key = make_key(secrets.token_bytes(ENTROPY_BYTES)).text
    stage = Stage(key, Path(directory), GatewaySettings().port)
    settings = settings_of(stage, cast, places, catalog.exchange_rates, f"env:{KEY_VARIABLE}")
    told = "the providers are SIMULATED: stand-ins on this machine that echo; nothing leaves it, and its ledger goes with it"
    return Discovery(msgspec.structs.replace(settings, source="simulated"), (told,), key)


def _overridden(settings: Settings, host: str | None, port: int | None, processes: int | None) -> Settings:
    given = {"host": host, "port": port, "processes": processes}
    changes = {name: value for name, value in given.items() if value is not None}
    gateway = msgspec.structs.replace(settings.gateway, **changes)
    if host is not None or port is not None:
        gateway = msgspec.structs.replace(gateway, socket=None)
    control = settings.control
    if control is not None and port == 0:  # whoever takes any port does not want to meet another installation's
        control = msgspec.structs.replace(control, port=0)
    return msgspec.structs.replace(settings, gateway=gateway, control=control)


def _let_admin_in(settings: Settings) -> str | None:
    """What to tell whoever starts an installation that has had no members yet: the first admin's key, this once.

    Where all this is written to a file, as a log is, no key is made.
    """
    try:
        with (
            control_place(settings, os.environ).open_store() as store,
            store.change(Actor("entrepot up", "start"), time.time_ns()) as book,
        ):
            if book.was_ever("member"):
                return None
            if stat.S_ISREG(os.fstat(sys.stderr.fileno()).st_mode):
                return "nobody may use the admin API yet: entrepot members new NAME --role admin makes a key"
            text = make_first_admin(book, secrets.token_bytes(ENTROPY_BYTES))
            return f"the first admin's key (shown this once, keep it): {text}"
    except ControlError as error:
        return f"note: the admin API answers once the control store does: {error.message}"


def _warn_of_exposure(settings: Settings, console: Console) -> None:
    if not read_in_force(settings).keys:
        console.print(
            "note: no keys are configured, so every request will be refused: `entrepot keys new NAME` makes one",
            soft_wrap=True,
        )
    gateway = settings.gateway
    if gateway.socket is None and gateway.tls is None and admits_others(gateway.host):
        console.print(
            f"note: listening on {gateway.host} without TLS: name a certificate in [gateway.tls], or put a TLS proxy in front, "
            "before others use it",
            markup=False,
            soft_wrap=True,
        )


def _told(route: Route) -> str:
    """A route as one line: its goal, among how many, and what savings are against."""
    goal, number = route.goal, len(route.candidates)
    if goal.kind == "best_under":
        aim = f"the best of {number} candidates under {goal.max_cost_usd:g} USD a request"
    else:
        of = route.reference or "the best eligible"
        aim = f"the cheapest of {number} candidates within {goal.max_loss * 100:g} points of {of}"
    return f"route {route.name}: {aim}; savings are against {route.baseline or 'nothing: it names no baseline'}"


def _introduce(settings: Settings, installation: Running, first_key: str | None, console: Console) -> None:
    for route in settings.routes:
        console.print(_told(route), markup=False, soft_wrap=True)
    console.print(
        f"serving {len(settings.deployments)} deployments ({settings.source}) at {installation.base_url}",
        markup=False,
        soft_wrap=True,
    )
    if first_key is not None:
        console.print(f"key (shown once, gone when this stops): {first_key}", markup=False, soft_wrap=True)


def _introduce_admin(installation: Running, told: str | None, console: Console) -> None:
    if installation.admin_trouble is not None:
        console.print(f"note: there is no admin API: {installation.admin_trouble}", markup=False, soft_wrap=True)
    if installation.admin is not None:
        console.print(f"admin API at {installation.admin}/admin/v1/", markup=False, soft_wrap=True)
    if told is not None:
        console.print(told, markup=False, soft_wrap=True)
    console.print("stop with Ctrl-C")
