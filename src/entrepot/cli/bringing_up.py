"""What `entrepot up` does: read the settings or find what is there, say so, and serve."""

from __future__ import annotations

import contextlib
import os
import secrets
import signal
import stat
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import msgspec

from entrepot.app import Running, start
from entrepot.control.in_force import read_in_force
from entrepot.control.members import make_first_admin
from entrepot.control.place import control_place
from entrepot.control.store import Actor
from entrepot.errors import ControlError, SettingsError
from entrepot.exchange.plan import Route
from entrepot.server.listening import admits_others
from entrepot.settings.choose import find_settings
from entrepot.settings.client_key import ENTROPY_BYTES
from entrepot.settings.discover import Discovery
from entrepot.settings.schema import Settings
from entrepot.telemetry.logs import set_up_logging

NOTHING_TO_SERVE = 2


def bring_up(config: Path | None, given: Mapping[str, str | int | None], simulate: bool) -> None:
    """What `entrepot up` does. `given` are its options that stand for what `[gateway]` says."""
    with contextlib.ExitStack() as stack:
        environ = dict(os.environ)
        found = _simulated(stack, environ) if simulate else find_settings(config, environ, Path.cwd())
        for finding in found.findings:
            _say(finding)
        if found.settings is None:
            sys.exit(NOTHING_TO_SERVE)
        if found.settings.log.format == "json":
            set_up_logging("json", found.settings.log.level, "supervisor")

        def find() -> Settings:
            again = find_settings(config, environ, Path.cwd()).settings
            if again is None or simulate:
                raise SettingsError("there is no settings file to read again")
            return _overridden(again, given)

        _serve(_overridden(found.settings, given), environ, found.first_key, find)


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")  # looked up each time: logs in JSON put another in its place


def _simulated(stack: contextlib.ExitStack, environ: dict[str, str]) -> Discovery:
    from entrepot.cli.up_simulated import open_simulated  # noqa: PLC0415 - most do without it, and start sooner

    return open_simulated(stack, environ)


def _serve(
    settings: Settings,
    environ: Mapping[str, str],
    first_key: str | None,
    find: Callable[[], Settings],
) -> None:
    for warning in settings.warnings:
        _say(f"note: {warning}")
    _warn_of_exposure(settings)
    installation = start(settings, environ, copies=True)
    admin = None if installation.admin is None else _let_admin_in(settings)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: installation.supervisor.request_stop())
    hung_up: Callable[[], None] = lambda: installation.reload(find)  # noqa: E731 - one of two
    if sys.stdin.isatty():  # its terminal has gone
        hung_up = installation.supervisor.request_stop
    signal.signal(signal.SIGHUP, lambda *_: hung_up())
    _introduce(settings, installation, first_key)
    _introduce_admin(installation, admin)
    installation.run()


def _overridden(settings: Settings, given: Mapping[str, str | int | None]) -> Settings:
    changes = {name: value for name, value in given.items() if value is not None}
    gateway = msgspec.structs.replace(settings.gateway, **changes)
    if given.get("host") is not None or given.get("port") is not None:
        gateway = msgspec.structs.replace(gateway, socket=None)
    control = settings.control
    if control is not None and given.get("port") == 0:
        # Whoever takes any port does not want to meet another installation's.
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


def _warn_of_exposure(settings: Settings) -> None:
    if not read_in_force(settings).keys:
        _say("note: no keys are configured, so every request will be refused: `entrepot keys new NAME` makes one")
    gateway = settings.gateway
    if gateway.socket is None and gateway.tls is None and admits_others(gateway.host):
        _say(
            f"note: listening on {gateway.host} without TLS: name a certificate in [gateway.tls], or put a TLS proxy in front, "
            "before others use it"
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


def _introduce(settings: Settings, installation: Running, first_key: str | None) -> None:
    for route in settings.routes:
        _say(_told(route))
    _say(f"serving {len(settings.deployments)} deployments ({settings.source}) at {installation.base_url}")
    if first_key is not None:
        _say(f"key (shown once, gone when this stops): {first_key}")


def _introduce_admin(installation: Running, told: str | None) -> None:
    if installation.admin_trouble is not None:
        _say(f"note: there is no admin API: {installation.admin_trouble}")
    if installation.admin is not None:
        _say(f"admin API at {installation.admin}/admin/v1/")
    if told is not None:
        _say(told)
    _say("stop with Ctrl-C")
