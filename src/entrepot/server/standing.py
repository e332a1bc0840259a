"""How a gateway process stands at the moment: the gauges of its metrics."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from typing import get_args

from entrepot.drive.admit import Admission
from entrepot.exchange.board import Board
from entrepot.exchange.circuit import State
from entrepot.server.certificates import look_at_certificates
from entrepot.settings.schema import Settings
from entrepot.telemetry.families import CERTIFICATE_END, CONNECTIONS, HEALTH, SPOOL_TROUBLE, UNDER_WAY, WAITING, Family
from entrepot.telemetry.metrics import Gauges
from entrepot.upstream.client import UpstreamClient


class Standing:
    """Looks at what one process is made of.

    `under_way` says how many requests it is answering, `trouble` what keeps entries from being written.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        upstream: UpstreamClient,
        board: Board,
        trouble: Callable[[], str | None],
        admission: Admission | None,
        under_way: Callable[[], int],
        clock: Callable[[], float],
    ) -> None:
        self._settings = settings
        self._upstream = upstream
        self._board = board
        self._trouble = trouble
        self._admission = admission
        self._under_way = under_way
        self._clock = clock

    def look(self) -> Gauges:
        """The gauges of this process."""
        open_, idle = self._upstream.open_count, self._upstream.idle_count
        ids = [each.id for each in self._settings.deployments]
        found: dict[tuple[Family, tuple[str, ...]], float] = {
            (UNDER_WAY, ()): float(self._under_way()),
            (WAITING, ()): 0.0 if self._admission is None else float(self._admission.leases.waiting),
            (CONNECTIONS, ("busy",)): float(open_ - idle),
            (CONNECTIONS, ("idle",)): float(idle),
            (SPOOL_TROUBLE, ()): 0.0 if self._trouble() is None else 1.0,
        }
        for view in self._board.view(ids, self._clock()):
            for state in get_args(State):
                found[HEALTH, (view.deployment, state)] = 1.0 if view.state == state else 0.0
        return found


def ends_of_certificates(settings: Settings, now_s: float) -> Gauges:
    """When certificates end, as gauges; one that cannot be read has no end."""
    now = datetime.datetime.fromtimestamp(now_s, datetime.UTC)
    return {
        (CERTIFICATE_END, (each.where,)): each.ends.timestamp()
        for each in look_at_certificates(settings, now)
        if each.ends is not None
    }
