"""The health of every deployment as one gateway process has come to know it, and how much is under way at each.

Rules of this file: no clock, no waiting; times are handed in. A deployment is an outlier against the other hosts of its model
alone, because other models are slower or faster by nature; of those hosts fewer than all are ever ejected.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from statistics import median

import msgspec

from entrepot.exchange.allowance import Allowances
from entrepot.exchange.circuit import DEFAULT_CIRCUIT, CircuitSettings, State
from entrepot.exchange.health import UNKNOWN, Health
from entrepot.exchange.records import AttemptRecord

LEAST_COMPARED = 5.0
"""Attempts, each counted by its age, from which a host's failures are compared with those of others."""
_OUTLYING_SHARE = 0.2
_OUTLYING_FAILURES = 3.0
_OUTLYING_TIMES = 3.0
_OUTLYING_S = 1.0


class View(msgspec.Struct, frozen=True, omit_defaults=True):
    """What is known of one deployment at a moment, as operators see it. Seconds and shares; None where nothing is known."""

    deployment: str
    state: State
    why: str | None = None
    until_s: float | None = None
    under_way: int = 0
    failing_share: float = 0.0
    first_content_s: float | None = None
    token_s: float | None = None


class Board:
    """The health of every deployment. `siblings` are the hosts of one and the same model, for each deployment by id."""

    def __init__(
        self,
        settings: CircuitSettings = DEFAULT_CIRCUIT,
        siblings: Mapping[str, Sequence[str]] | None = None,
        allowances: Allowances | None = None,
    ) -> None:
        self.settings = settings
        self.allowances = allowances or Allowances()
        self._siblings = siblings or {}
        self._known: dict[str, Health] = {}
        self._under_way: dict[str, int] = {}
        self._notable: set[str] = set()  # of whom anything else is known than that they answer

    def of(self, deployment: str) -> Health:
        """What is known of one."""
        return self._known.get(deployment, UNKNOWN)

    def recall(self, known: Mapping[str, Health]) -> None:
        """Begin with what another has come to know, by deployment."""
        for id_, health in known.items():
            self._keep(id_, health)

    @property
    def is_calm(self) -> bool:
        """Whether nothing is known of anybody but that they answer."""
        return not self._notable

    def load(self, deployment: str) -> int:
        """How many attempts are under way at one."""
        return self._under_way.get(deployment, 0)

    def begin(self, deployment: str) -> None:
        """An attempt begins."""
        self._under_way[deployment] = self._under_way.get(deployment, 0) + 1

    def end(self, deployment: str) -> None:
        """An attempt that began is over, however."""
        left = self._under_way.get(deployment, 0) - 1
        if left > 0:
            self._under_way[deployment] = left
        else:
            self._under_way.pop(deployment, None)

    def learn(self, attempt: AttemptRecord, at_s: float) -> None:
        """Take in an attempt that ended at `at_s`."""
        id_ = attempt.deployment
        known = self.of(id_)
        health = known.after(attempt, at_s, self.settings)
        if self.settings.outliers and health.circuit.state(self.settings, at_s) == "closed":
            why = self._outlying(attempt, known, health, at_s)
            if why is not None:
                health = health.opened(self.settings, at_s, why)
        self._keep(id_, health)

    def probed(self, deployment: str, at_s: float, *, well: bool) -> None:
        """Take in what an active probe has found."""
        health = self.of(deployment)
        circuit = health.circuit.probed(self.settings, at_s, well=well)
        self._keep(deployment, msgspec.structs.replace(health, circuit=circuit))

    def open(self, deployments: Iterable[str], at_s: float) -> list[str]:
        """Those whose circuit is open at this moment: what probes are for."""
        return [id_ for id_ in deployments if self.of(id_).circuit.state(self.settings, at_s) == "open"]

    def unhealthy(self, deployments: Iterable[str], at_s: float) -> dict[str, str]:
        """Those that are better not asked at this moment, and why, in words that follow their name."""
        known, notable = self._known, self._notable
        if not notable:
            return {}
        troubles = ((id_, self._trouble(id_, known[id_], at_s)) for id_ in deployments if id_ in notable)
        return {id_: trouble for id_, trouble in troubles if trouble is not None}

    def returning(self, deployments: Iterable[str], at_s: float) -> dict[str, float]:
        """Those that have just recovered, and the part that they are given of what they would be."""
        known, notable = self._known, self._notable
        if not notable:
            return {}
        shares = ((id_, known[id_].circuit.share(self.settings, at_s)) for id_ in deployments if id_ in notable)
        return {id_: share for id_, share in shares if share < 1.0}

    def view(self, deployments: Iterable[str], at_s: float) -> list[View]:
        """What is known of these."""
        return [self._view(id_, self.of(id_), at_s) for id_ in deployments]

    def _keep(self, deployment: str, health: Health) -> None:
        self._known[deployment] = health
        if health.wait_until_s or health.circuit.open_until_s or health.circuit.closed_s:
            self._notable.add(deployment)
        else:
            self._notable.discard(deployment)

    def _trouble(self, id_: str, health: Health, at_s: float) -> str | None:
        if at_s < health.wait_until_s:
            return "asked to be left alone for a while"
        state = health.circuit.state(self.settings, at_s)
        if state == "open":
            return health.circuit.why
        if state == "half_open" and self.load(id_) >= self.settings.trials:
            return f"{health.circuit.why}, and is being tried"
        return None

    def _outlying(self, attempt: AttemptRecord, before: Health, health: Health, at_s: float) -> str | None:
        """Why this host is to be ejected, against the hosts of its model that are not."""
        others = [self.of(one) for one in self._siblings.get(attempt.deployment, ()) if one != attempt.deployment]
        well = [one for one in others if one.circuit.state(self.settings, at_s) in ("closed", "returning")]
        ejected = len(others) - len(well)
        if not well or 2 * (ejected + 1) > len(others) + 1:  # never more than half of them
            return None
        told = [share for share, count in (one.failing_share(at_s) for one in well) if count >= LEAST_COMPARED]
        share, count = health.failing_share(at_s)
        often = share * count >= _OUTLYING_FAILURES and share >= _OUTLYING_SHARE
        if attempt.failure is not None and often and told and share >= _OUTLYING_TIMES * median(told):
            return "failed lately far more often than the other hosts of its model"
        paces = [one.first_content_s for one in well if one.is_pace_told(at_s) and one.first_content_s is not None]
        if not paces or not health.is_pace_told(at_s) or attempt.first_byte_ms is None:
            return None
        # One slow answer is chance: the average was beyond the bound before, and is, and so is the latest.
        bound_s = max(_OUTLYING_TIMES * median(paces), median(paces) + _OUTLYING_S)
        seen = (before.first_content_s or 0.0, health.first_content_s or 0.0, attempt.first_byte_ms / 1000)
        return "was lately far slower to begin than the other hosts of its model" if min(seen) > bound_s else None

    def _view(self, id_: str, health: Health, at_s: float) -> View:
        until_s = max(health.wait_until_s, health.circuit.open_until_s)
        return View(
            deployment=id_,
            state=health.circuit.state(self.settings, at_s),
            why=self._trouble(id_, health, at_s),
            until_s=until_s if until_s > at_s else None,
            under_way=self.load(id_),
            failing_share=round(health.failing_share(at_s)[0], 3),
            first_content_s=health.first_content_s,
            token_s=health.token_s,
        )
