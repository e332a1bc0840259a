"""How a trial is started: what it is about is checked, what it costs is looked up, its plan is fixed.

Raises SettingsError with what is wrong and what to write instead.
"""

from __future__ import annotations

import secrets

import msgspec

from entrepot.catalog.nearest import did_you_mean
from entrepot.catalog.schema import Deployment
from entrepot.control.trials import Terms, Trial, TrialStep, plan_stages
from entrepot.errors import SettingsError
from entrepot.exchange.plan import Route
from entrepot.ledger.reading import RelationalReader
from entrepot.routing.trial import Direction
from entrepot.settings.schema import Settings

CAP = 10.0
"""What a session costs counts up to so many times the mean before the trial."""
_LEAST_SESSIONS = 50
_MOST_STAGES = 15
_MEAN = """
    SELECT count(*), avg(cost_nano_usd) FROM entries
    WHERE route = ? AND state = 'completed' AND cost_nano_usd IS NOT NULL AND started_ns >= ?
"""
_LOOKS_BACK_NS = 30 * 86_400 * 1_000_000_000


def find_deployment(settings: Settings, name: str) -> Deployment:
    """The deployment of this id, or the only one of this model. Raises SettingsError."""
    found = [one for one in settings.deployments if name in (one.id, one.model)]
    if not found:
        known = [text for one in settings.deployments for text in (one.id, one.model)]
        raise SettingsError(f"no deployment is '{name}'{did_you_mean(name, known)}: write it into the settings first")
    exact = [one for one in found if one.id == name]
    if not exact and len(found) > 1:
        hosts = ", ".join(one.id for one in found)
        raise SettingsError(f"'{name}' has several deployments ({hosts}): name one of them")
    return (exact or found)[0]


def find_route(settings: Settings, name: str) -> Route:
    """The route of this name. Raises SettingsError."""
    found = next((one for one in settings.routes if one.name == name), None)
    if found is None:
        raise SettingsError(f"there is no route '{name}'{did_you_mean(name, [one.name for one in settings.routes])}")
    return found


def mean_cost_usd(reader: RelationalReader, route: str, now_ns: int) -> float | None:
    """What a completed exchange of the route cost on average in the last thirty days; None where there are too few."""
    ((count, mean),) = reader.ask(_MEAN, (route, now_ns - _LOOKS_BACK_NS))
    return None if count < _LEAST_SESSIONS or not mean else float(mean) / 1_000_000_000


def with_costs(terms: Terms, deployment: Deployment, mean_usd: float | None) -> Terms:
    """The terms with what costs are measured by. Raises SettingsError where costs are asked about and nothing tells of them."""
    if terms.cost_ratio is None:
        return terms
    if deployment.price is None:
        raise SettingsError(f"the price of {deployment.id} is unknown: write it down, or say --no-cost")
    mean = terms.mean_usd or mean_usd
    if mean is None:
        raise SettingsError(
            f"fewer than {_LEAST_SESSIONS} exchanges tell what a session costs: say it with --mean-usd, or --no-cost"
        )
    return msgspec.structs.replace(terms, mean_usd=mean, most_usd=terms.most_usd or CAP * mean)


def build_trial(
    name: str, settings: Settings, deployment: str, route: str, direction: Direction, terms: Terms, now_s: float
) -> Trial:
    """The trial as it begins. Raises SettingsError."""
    where, what = find_route(settings, route), find_deployment(settings, deployment)
    others = [id_ for id_ in where.candidates if id_ != what.id]
    if not others:
        raise SettingsError(f"route '{route}' has nobody else than {what.id}: there is nothing to compare it with")
    if direction == "out" and what.id not in where.candidates:
        raise SettingsError(f"{what.id} is no candidate of route '{route}', so there is nothing to take out")
    try:
        stages = plan_stages(terms)
    except ValueError as error:
        raise SettingsError(f"this trial cannot be planned: {error}") from error
    if len(stages) > _MOST_STAGES:
        raise SettingsError(f"{len(stages)} stages; {_MOST_STAGES} are enough")
    first = TrialStep(now_s, stages[0].stage.name, "started", f"{what.id} on route '{route}', {direction}")
    return Trial(name, route, what.id, direction, secrets.token_hex(16), terms, stages, now_s, 0, now_s, steps=(first,))
