"""What finds out of exchanges what it can once they are over, put together for a gateway process."""

from __future__ import annotations

import secrets
from collections.abc import Callable

import msgspec

from entrepot.drive.admit import Admission
from entrepot.drive.driver import Upstream
from entrepot.exchange.outcome import Outcome, OutcomeSource
from entrepot.exchange.outcome_plan import OutcomePlan
from entrepot.server.afterwards import Afterwards, Missed
from entrepot.server.endpoints import Gateway
from entrepot.server.judging import Jury, ask_as
from entrepot.server.shadows import Result, Shadows
from entrepot.settings.client_key import ENTROPY_BYTES, make_key
from entrepot.settings.schema import KeySettings, Settings
from entrepot.telemetry.families import OUTCOMES, OUTCOMES_MISSED, SHADOWS
from entrepot.telemetry.metrics import Metrics


class Counted:
    """Outcomes, counted among the metrics of a process."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    def kept(self, source: OutcomeSource) -> None:
        """See Tally."""
        self._metrics.add(OUTCOMES, 1, source)

    def missed(self, why: Missed) -> None:
        """See Tally."""
        self._metrics.add(OUTCOMES_MISSED, 1, why)


def admit_judges(settings: Settings) -> tuple[Settings, str]:
    """The settings with a key under which judges are asked, made for as long as this process lives, and its text.

    It stands beside the key of that name in the settings, with all that holds for it but an address: nobody is connected.
    """
    if not any(route.outcomes.judging for route in settings.routes):
        return settings, ""
    made = make_key(secrets.token_bytes(ENTROPY_BYTES))
    name = settings.judges_key
    own = next((key for key in settings.keys if key.name == name), KeySettings(name, made.sha256))
    scope = msgspec.structs.replace(own.scope, addresses=None)
    key = msgspec.structs.replace(own, sha256=made.sha256, certificate=None, scope=scope)
    return msgspec.structs.replace(settings, keys=(*settings.keys, key)), made.text


def build_jury(settings: Settings, gateway: Gateway, key: str) -> Jury | None:
    """Judges of the routes that have any, asked at the gateway's own front door with the key's text."""
    judging = {route.name: told for route in settings.routes if (told := route.outcomes.judging) is not None}
    return Jury(judging, settings.deployments, gateway.planner, ask_as(gateway, key)) if judging else None


def appoint(
    after: Afterwards,
    settings: Settings,
    gateway: Gateway,
    judges_key: str,
    upstream: Upstream,
    admission: Admission | None,
    metrics: Metrics,
) -> None:
    """Give it the judges of the routes, and who asks beside their exchanges, while the gateway has less than half to do of what
    it takes.
    """
    most = settings.gateway.max_concurrent // 2

    def count(result: Result) -> None:
        metrics.add(SHADOWS, 1, result)

    after.court = build_jury(settings, gateway, judges_key)
    after.shadows = Shadows(
        gateway.planner, upstream, gateway.recorder.append, count, admission, lambda: gateway.under_way() > most
    )


def build_afterwards(settings: Settings, keep: Callable[[Outcome], None], metrics: Metrics) -> Afterwards:
    """As the routes of these settings say; `keep` writes an outcome down."""
    return Afterwards(outcome_plans(settings), keep, Counted(metrics))


def outcome_plans(settings: Settings) -> dict[str, OutcomePlan]:
    """How outcomes are come by, by route."""
    return {route.name: route.outcomes for route in settings.routes}
