"""`entrepot trial holdout`: how many sessions a route's holdout needs to say something as precisely as wanted."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

import click
import msgspec

from entrepot.cli.control_store import config_option, json_option
from entrepot.control.trial_start import find_route
from entrepot.errors import SettingsError
from entrepot.reports.experiment import Trial, foreseen, trials_of
from entrepot.reports.holdout_plan import Assumed, HoldoutPlan, Needed, plan_holdout
from entrepot.settings.choose import require_settings
from entrepot.settings.ledger import ledger_place
from entrepot.settings.schema import Settings

_PERCENT = click.FloatRange(0, 100, min_open=True, max_open=True)


@click.command()
@click.option("--route", default="auto", show_default=True, help="The route.")
@click.option("--share", type=_PERCENT, help="Percent of sessions drawn. Default: as the route says, else 10.")
@click.option("--saving-points", type=_PERCENT, default=5.0, show_default=True, help="The saving, give or take.")
@click.option("--quality-points", type=_PERCENT, default=5.0, show_default=True, help="Quality, give or take.")
@click.option("--saving", type=_PERCENT, default=50.0, show_default=True, help="Expected, percent.")
@click.option("--spread", type=_PERCENT, default=1.0, show_default=True, help="Of a session's cost, in times the mean.")
@click.option("--quality", type=_PERCENT, default=80.0, show_default=True, help="Expected, percent good.")
@click.option("--told", type=_PERCENT, default=10.0, show_default=True, help="Percent of sessions with an outcome.")
@config_option
@json_option
def holdout(
    route: str,
    share: float | None,
    saving_points: float,
    quality_points: float,
    saving: float,
    spread: float,
    quality: float,
    told: float,
    config: Path | None,
    *,
    as_json: bool,
) -> None:
    """Show how many sessions a holdout needs for a given precision.

    What the route's own holdout has shown so far takes the place of what is assumed. Nothing is changed.
    """
    settings = require_settings(config, os.environ, Path.cwd())
    drawn = (share / 100 if share is not None else find_route(settings, route).holdout) or 0.1
    assumed = Assumed(saving / 100, spread, quality / 100, told / 100)
    try:
        plan = plan_holdout(drawn, saving_points / 100, quality_points / 100, _sessions(settings, route), assumed)
    except ValueError as error:
        raise SettingsError(f"this holdout cannot be planned: {error}") from error
    if as_json:
        click.echo(msgspec.json.encode(plan).decode())
        return
    click.echo(f"route '{route}', {100 * drawn:g} % of sessions drawn for the baseline")
    _show("the saving", plan, plan.saving)
    _show("quality against the baseline", plan, plan.quality)


def _sessions(settings: Settings, route: str) -> list[Trial]:
    place = ledger_place(settings, os.environ)
    if not place.exists():
        return []
    with contextlib.closing(place.open_reader()) as reader:
        return foreseen(reader, trials_of(one for one in reader.drawn() if one.route == route))


def _show(what: str, plan: HoldoutPlan, needed: Needed) -> None:
    why = "by the spread seen so far" if needed.seen else "by what is assumed"
    click.echo(
        f"  {what}, give or take {100 * needed.points:g} points at all times: {needed.sessions:,} sessions, "
        f"of which {round(plan.share * needed.sessions):,} are drawn ({why})"
    )
