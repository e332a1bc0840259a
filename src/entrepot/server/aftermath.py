"""What finds out of exchanges what it can once they are over, put together for a gateway process."""

from __future__ import annotations

from collections.abc import Callable

from entrepot.exchange.outcome import Outcome, OutcomeSource
from entrepot.server.afterwards import Afterwards, Missed
from entrepot.settings.schema import Settings
from entrepot.telemetry.families import OUTCOMES, OUTCOMES_MISSED
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


def build_afterwards(settings: Settings, keep: Callable[[Outcome], None], metrics: Metrics) -> Afterwards:
    """As the routes of these settings say; `keep` writes an outcome down."""
    return Afterwards({route.name: route.outcomes for route in settings.routes}, keep, Counted(metrics))
