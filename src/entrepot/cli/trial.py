"""`entrepot trial`: a new model taken into use, or an old one out of it, step by step and only as far as it proves itself."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypedDict, Unpack

import click

from entrepot.cli.control_store import config_option, json_option, opened
from entrepot.cli.trial_holdout import holdout
from entrepot.cli.trial_shown import show_plan, show_status
from entrepot.control.objects import check_name
from entrepot.control.place import control_place
from entrepot.control.trial_keeping import Reel
from entrepot.control.trial_start import mean_cost_usd
from entrepot.control.trial_wanted import TrialBody, in_the_way, prepare
from entrepot.control.trials import Trial
from entrepot.errors import SettingsError
from entrepot.learning.trial_pairs import Seen
from entrepot.ledger.reading import RelationalReader
from entrepot.settings.choose import require_settings
from entrepot.settings.ledger import ledger_place
from entrepot.settings.schema import Settings


@click.group()
def trial() -> None:
    """Try a model step by step, on a part of the sessions."""


trial.add_command(holdout)


class _Shares(click.ParamType[tuple[float, ...]]):
    name = "percentages"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> tuple[float, ...]:
        """The percentages of a list."""
        try:
            return tuple(float(part.strip().removesuffix("%")) for part in value.split(","))
        except ValueError:
            self.fail(f"'{value}' is no list of percentages, like 1,5,20", param, ctx)


_PERCENT = click.FloatRange(0, 100, min_open=True)
_ABOVE_ZERO = click.FloatRange(0, min_open=True)
_OPTIONS = (
    click.option("--route", default="auto", show_default=True, help="The route."),
    click.option("--out", is_flag=True, help="Take the model out instead of in."),
    click.option("--margin", type=_PERCENT, default=5.0, show_default=True, help="Points of quality to give up."),
    click.option("--stages", type=_Shares(), default="1,5,20", show_default=True, help="Shares of sessions, percent."),
    click.option("--no-shadow", is_flag=True, help="Begin with the first share of sessions, and ask nobody beside."),
    click.option(
        "--shadow-share",
        type=click.FloatRange(0, 100, min_open=True),
        default=10.0,
        show_default=True,
        help="Exchanges asked beside at first, percent.",
    ),
    click.option(
        "--shadow-usd",
        type=click.FloatRange(0, min_open=True),
        default=5.0,
        show_default=True,
        help="What that may cost a day, judges apart.",
    ),
    click.option(
        "--shadow-margin", type=_PERCENT, default=10.0, show_default=True, help="Points it may be worse there."
    ),
    click.option("--differing", type=_PERCENT, default=50.0, show_default=True, help="Pairs not equal, percent."),
    click.option("--least", type=click.IntRange(1), default=500, show_default=True, help="Sessions of each stage."),
    click.option("--cost-ratio", type=_ABOVE_ZERO, default=1.0, show_default=True, help="Cost, in times what it is."),
    click.option("--saving", type=click.FloatRange(0, 99), default=20.0, show_default=True, help="Expected, percent."),
    click.option("--no-cost", is_flag=True, help="Ask nothing about costs."),
    click.option("--mean-usd", type=_ABOVE_ZERO, help="What a session costs now. Default: what the ledger says."),
    click.option("--guard", type=_PERCENT, default=3.0, show_default=True, help="Points more of errors, of refusals."),
    click.option("--slow-s", type=_ABOVE_ZERO, default=60.0, show_default=True, help="What takes longer is slow."),
    click.option(
        "--settle-s", type=click.FloatRange(0), default=900.0, show_default=True, help="Until a session is over."
    ),
    click.option("--quality", type=click.FloatRange(1, 99), default=80.0, show_default=True, help="Now, percent good."),
    click.option("--errors", type=_PERCENT, default=2.0, show_default=True, help="Now, percent that fail."),
)


def _with_terms(command: Callable[..., None]) -> Callable[..., None]:
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


class _Asked(TypedDict):
    route: str
    out: bool
    margin: float
    stages: tuple[float, ...]
    no_shadow: bool
    shadow_share: float
    shadow_usd: float
    shadow_margin: float
    differing: float
    least: int
    cost_ratio: float
    saving: float
    no_cost: bool
    mean_usd: float | None
    guard: float
    slow_s: float
    settle_s: float
    quality: float
    errors: float


def _build(settings: Settings, wanted: TrialBody) -> tuple[Trial, tuple[str, ...]]:
    """The trial as it would begin, and what to know of it."""

    def mean_of(route: str) -> float | None:
        with contextlib.closing(_read_ledger(settings)) as reader:
            return mean_cost_usd(reader, route, time.time_ns())

    return prepare(settings, wanted, mean_of, time.time())


def _read_ledger(settings: Settings) -> RelationalReader:
    return ledger_place(settings, os.environ).open_store()


@trial.command()
@click.argument("model")
@_with_terms
@config_option
@json_option
def plan(model: str, config: Path | None, *, as_json: bool, **asked: Unpack[_Asked]) -> None:
    """Show how many sessions a trial of MODEL would take, and what it would find out. Nothing is started."""
    settings = require_settings(config, os.environ, Path.cwd())
    made, notes = _build(settings, TrialBody(model, "plan", **asked))
    show_plan(made, notes, as_json=as_json)


@trial.command()
@click.argument("model")
@_with_terms
@click.option("--name", help="What the trial is called. Default: the deployment.")
@config_option
@json_option
def start(model: str, name: str | None, config: Path | None, *, as_json: bool, **asked: Unpack[_Asked]) -> None:
    """Start a trial of MODEL, a deployment of the settings, or a model that has one deployment."""
    with opened(config) as control:
        if control.settings is None:
            raise SettingsError("there is no settings file, so there is no route to try anything on")
        made, notes = _build(control.settings, TrialBody(model, name, **asked))
        check_name(made.name)
        with control.change() as book:
            if (why := in_the_way(book.snapshot(), made)) is not None:
                raise SettingsError(why)
            book.put("trial", made.name, made, "start")
    show_plan(made, notes, as_json=as_json)


@trial.command()
@click.argument("name", required=False)
@config_option
@json_option
def status(name: str | None, config: Path | None, *, as_json: bool) -> None:
    """Show where trials stand: the stage, what each gate says so far, and every step with its reason."""
    settings = require_settings(config, os.environ, Path.cwd())
    place = control_place(settings, os.environ)
    trials: tuple[Trial, ...] = ()
    if place.exists():
        with place.open_reader() as store:
            trials = store.snapshot().trials
    if name is not None:
        trials = tuple(one for one in trials if one.name == name)
        if not trials:
            raise SettingsError(f"there is no trial '{name}'")
    with contextlib.closing(_read_ledger(settings)) as reader:
        seen = [(one, _evidence(reader, one)) for one in trials]
    show_status(seen, settings, as_json=as_json)


def _evidence(reader: RelationalReader, kept: Trial) -> Seen | None:
    if kept.standing != "running":
        return None
    reel = Reel(reader, kept)
    reel.wind(time.time_ns())
    return reel.evidence


@trial.command()
@click.argument("name")
@config_option
def stop(name: str, config: Path | None) -> None:
    """End a trial and leave nothing of it behind: the settings say who is asked, as before."""
    with opened(config) as control, control.change() as book:
        found = book.find(Trial, "trial", name)
        if found is None:
            raise SettingsError(f"there is no trial '{name}'")
        book.remove("trial", name, "stop")
    click.echo(f"trial '{name}' is over; gateways go by the settings alone within a second")
    settings = control.settings
    route = None if settings is None else next((one for one in settings.routes if one.name == found.route), None)
    if (
        found.standing == "full"
        and route is not None
        and (found.deployment in route.candidates) == (found.direction == "out")
    ):
        verb = "add it to" if found.direction == "in" else "take it from"
        click.echo(
            f"note: {found.deployment} had come to full; {verb} the candidates of route '{found.route}'", err=True
        )
