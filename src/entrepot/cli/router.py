"""`entrepot router`: which version of the router is in force, which were, and how an old one is brought back."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator
from pathlib import Path

import click
import msgspec

from entrepot.cli.control_store import command_line, config_option, json_option, opened
from entrepot.cli.router_shown import show_status, show_version, show_versions
from entrepot.control.learning import Order
from entrepot.control.objects import Running
from entrepot.control.routers import (
    before_that,
    find_version,
    put_in_place,
    running_in,
    version_before,
    version_of_file,
    versions,
)
from entrepot.control.store import ControlStore
from entrepot.errors import SettingsError
from entrepot.learning.shelf import put_on_shelf
from entrepot.learning.status import read_status
from entrepot.refitting import refit_router
from entrepot.router_in_force import load_router, router_path
from entrepot.routing.artifact import Artifact
from entrepot.settings.schema import Settings


@click.group()
def router() -> None:
    """See and change which version of the router is in force."""


@contextlib.contextmanager
def _known(config: Path | None) -> Iterator[tuple[ControlStore, Settings, Artifact]]:
    with opened(config) as here:
        if here.settings is None:
            raise SettingsError("there is no settings file, so there is no router; 'entrepot init' writes one")
        yield here.store, here.settings, load_router(here.settings)


@router.command("list")
@config_option
@json_option
def list_command(config: Path | None, *, as_json: bool) -> None:
    """List every version that ever was in force, the newest first."""
    with _known(config) as (store, _, file):
        show_versions(versions(store, file), running_in(store.snapshot(), file), as_json=as_json)


@router.command()
@click.argument("version", required=False)
@config_option
@json_option
def show(version: str | None, config: Path | None, *, as_json: bool) -> None:
    """Show what VERSION was fitted on, how it was tested, and who put it in force and why. Default: the one in force."""
    with _known(config) as (store, _, file):
        running = running_in(store.snapshot(), file)
        show_version(running if version is None else find_version(store, file, version), running, as_json=as_json)


@router.command()
@config_option
@json_option
def status(config: Path | None, *, as_json: bool) -> None:
    """Show how learning stands: the version in force, what it took in, refits and why they were promoted or not, alarms."""
    with _known(config) as (store, settings, file):
        snapshot = store.snapshot()
        refits = sorted(snapshot.refits, key=lambda one: one.started_s, reverse=True)
        show_status(
            running_in(snapshot, file), refits, read_status(settings.ledger.directory), settings, as_json=as_json
        )


@router.command()
@click.option("--promote", "promotes", is_flag=True, help="Put the candidate in force if it is shown to be better.")
@config_option
@json_option
def refit(config: Path | None, *, promotes: bool, as_json: bool) -> None:
    """Fit a candidate on live outcomes now, and hold it against what ran on later ones."""
    with _known(config) as (_, settings, _file):
        slot = time.strftime("%Y-%m-%dT%H:%M:%SZ, by hand", time.gmtime())
    step = (lambda _doing: None) if as_json else (lambda doing: click.echo(f"{doing} …", err=True))
    done = refit_router(Order(settings, slot), os.environ, promote=promotes, step=step)
    if as_json:
        click.echo(msgspec.json.encode(done).decode())
    else:
        click.echo(f"{done.state}: {done.why}")


@router.command()
@click.argument("version")
@click.option("--why", default="", help="A sentence for whoever asks later.")
@config_option
def promote(version: str, why: str, config: Path | None) -> None:
    """Put VERSION in force: one that was before, or a file that `entrepot train` wrote."""
    with _known(config) as (store, settings, file):
        if Path(version).is_file():
            found = version_of_file(put_on_shelf(settings.ledger.directory, Path(version)), "operator")
        else:
            found = find_version(store, file, version).version
        running = running_in(store.snapshot(), file)
        if found == running.version:
            click.echo(f"{found.name} is in force already")
            return
        put_on_shelf(settings.ledger.directory, router_path(settings))
        with store.change(command_line(), time.time_ns()) as book:
            put_in_place(book, running_in(book.snapshot(), file), found, command_line().who, why or "by hand")
    click.echo(f"{found.name} is in force; gateways take it up within a second")


@router.command()
@click.option("--why", default="", help="A sentence for whoever asks later.")
@config_option
def back(why: str, config: Path | None) -> None:
    """Bring back what was in force before the version that is; once more, what was before that."""
    with _known(config) as (store, _, file):
        running: Running = running_in(store.snapshot(), file)
        found = version_before(store, running, file)
        further = before_that(store, found)
        with store.change(command_line(), time.time_ns()) as book:
            put_in_place(book, running, found, command_line().who, why or "brought back by hand", "back", further)
    click.echo(f"{found.name} is in force again; gateways take it up within a second")
