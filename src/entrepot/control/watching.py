"""How the ledger fares: what the control process counts of it, and of the certificates."""

from __future__ import annotations

import logging
import time

from entrepot.control.exporting import Exporting
from entrepot.ledger.ingest import Ingester
from entrepot.server.standing import ends_of_certificates
from entrepot.settings.schema import Settings
from entrepot.telemetry.families import INGEST_FAILING, INGEST_FAILURES, INGESTED, SPOOL_WAITING
from entrepot.telemetry.metrics import Gauges, Metrics

CERTIFICATES_EVERY_S = 60.0
STUCK_S = 30.0
"""A ledger that has not said for so long whether it takes what it was given takes nothing: its machine hangs."""
log = logging.getLogger("entrepot.control")


class IngestWatch:
    """Looks at an ingester, at what is exported, and now and then at the certificates that settings name."""

    def __init__(
        self,
        settings: Settings,
        ingester: Ingester,
        metrics: Metrics,
        exporting: Exporting | None = None,
        *,
        stuck_s: float = STUCK_S,
    ) -> None:
        self._settings = settings
        self._ingester = ingester
        self._metrics = metrics
        self._exporting = exporting
        self._certificates: Gauges = {}
        self._looked_s = 0.0
        self._ingested = 0
        self._failures = 0
        self._stuck_s = stuck_s
        self._stuck = False

    def look(self) -> Gauges:
        """The gauges of the control process; what the ingester has done since the last time is counted."""
        now_s = time.time()
        if now_s - self._looked_s > CERTIFICATES_EVERY_S:
            self._certificates, self._looked_s = ends_of_certificates(self._settings, now_s), now_s
        ingester = self._ingester
        ingested, failures = ingester.ingested, ingester.failures
        self._metrics.add(INGESTED, ingested - self._ingested)
        self._metrics.add(INGEST_FAILURES, failures - self._failures)
        self._ingested, self._failures = ingested, failures
        return {
            (INGEST_FAILING, ()): 1.0 if self._is_stuck() or ingester.trouble is not None else 0.0,
            (SPOOL_WAITING, ()): float(ingester.waiting_bytes()),
            **self._certificates,
            **({} if self._exporting is None else self._exporting.look(self._metrics)),
        }

    def _is_stuck(self) -> bool:
        """Whether the ledger has been silent for too long; told once."""
        moved_s = self._ingester.moved_s
        stuck = moved_s is not None and time.monotonic() - moved_s > self._stuck_s
        if stuck and not self._stuck:
            log.error("entries wait in the spool: the ledger has not answered for %.0f s", self._stuck_s)
        self._stuck = stuck
        return stuck
