"""Learning kept going by the control process: outcomes are taken in as they come, refits are started, alarms are raised.

Rules of this file: what is taken in is worked out from what was promoted and all that came since, so several control processes
come to the same, and writing it twice changes nothing. A refit is of a slot of time, which one process claims. What it takes is
done by a process of its own, at the lowest priority.
"""

from __future__ import annotations

import contextlib
import logging
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import get_args

import msgspec

from entrepot.control.drifting import Drifting
from entrepot.control.live_reel import LiveReel
from entrepot.control.objects import Refit, RouterVersion, Running, Snapshot
from entrepot.control.place import ControlPlace
from entrepot.control.reload import Watch
from entrepot.control.routers import corrections_of, running_in, take_in
from entrepot.control.store import Actor
from entrepot.errors import DataError, EntrepotError
from entrepot.learning.live_outcomes import seen_in
from entrepot.learning.shelf import put_on_shelf
from entrepot.learning.status import AlarmKind, LearningStatus, read_status, write_status
from entrepot.ledger.reading import RelationalReader
from entrepot.routing.artifact import Artifact, default_artifact_path
from entrepot.routing.correction import Correction, version_of
from entrepot.routing.correction_fit import FEWEST, fit_correction
from entrepot.settings.schema import Settings
from entrepot.telemetry.families import DRIFT_ALARM, LAST_REFIT, LIVE_OUTCOMES, TAKEN_IN
from entrepot.telemetry.metrics import Gauges
from entrepot.upstream.credentials import Credentials

LOOK_S = 2.0
ACTOR = Actor("entrepot", "learning")
LEAST_MOVE = 0.005
"""Of P(correct): what moves no estimate by so much is not worth another version."""
KEPT_REFITS = 50
SAY_S = 30.0
SHIPPED = "the settings' router"
_NANO = 1_000_000_000
_DAY_S = 86_400.0
log = logging.getLogger("entrepot.learning")


class Order(msgspec.Struct, frozen=True):
    """What a refit's process is told: the settings, and the slot of time that it is of."""

    settings: Settings
    slot: str


class Learner:
    """Keeps the router of an installation learning; `look` as often as one likes."""

    def __init__(
        self,
        settings: Settings,
        place: ControlPlace,
        reader: RelationalReader,
        environ: Mapping[str, str],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._settings = settings
        self._place = place
        self._watch = Watch(place)
        self._reader = reader
        self._environ = dict(environ)
        self._clock = clock
        self._snapshot = Snapshot()
        self._file: Artifact | None = None
        self._reel: LiveReel | None = None
        self._ran: dict[str, Correction] = {}
        self._absorbed_s = self._wound_s = 0.0
        self._refit = Refitter(environ)
        self._drifting = Drifting(settings, reader, Credentials(self._environ).read)
        self._told = ""
        self.status = read_status(settings.ledger.directory)
        self._said: LearningStatus | None = None

    def look(self) -> None:
        """Do what is due; a defect is logged, and looked past. Raises LedgerError, ControlError, ArtifactError or DataError."""
        try:
            self._look()
        except EntrepotError:
            raise
        except Exception:  # whatever is wrong with learning, the ledger has to be written on
            log.exception("the router stays as it is")

    def _look(self) -> None:
        now_s, learning = self._clock(), self._settings.learning
        if not self._place.exists():
            return
        snapshot = self._watch.look()
        if snapshot is not None:
            self._snapshot, self._ran = snapshot, {}
        self._refit.look(self._place, now_s)
        if now_s - self._wound_s >= min(learning.absorb_s, learning.refit_s or learning.absorb_s):
            self._wound_s = now_s
            self._wind(now_s)
            if learning.absorb:
                self._absorb()
            self._begin_refit(now_s)
            self._watch_drift(now_s)
        self._say(now_s)
        self._drifting.send(now_s)

    def gauges(self) -> Gauges:
        """How learning stands, as metrics have it."""
        raised = {one.kind for one in self.status.alarms}
        last = max((one.started_s for one in self._snapshot.refits if one.state != "running"), default=0.0)
        return {
            **{(DRIFT_ALARM, (kind,)): float(kind in raised) for kind in get_args(AlarmKind)},
            (LIVE_OUTCOMES, ()): float(self.status.outcomes),
            (TAKEN_IN, ()): float(self.status.taken_in),
            (LAST_REFIT, ()): last,
        }

    def close(self) -> None:
        """Let go of the control store, and of a refit that runs."""
        self._watch.close()
        self._refit.stop()

    def _wind(self, now_s: float) -> None:
        if self._reel is None:
            self._reel = LiveReel(self._reader, round((now_s - self._settings.learning.last_days * _DAY_S) * _NANO))
        self._reel.wind()

    def _absorb(self) -> None:
        reel, file = self._reel, self._router()
        if reel is None or file is None:
            return
        running = running_in(self._snapshot, file)
        if not self._ran:
            with self._place.open_reader() as store:
                self._ran = corrections_of(store, file, running.version.base)
        exchanges = reel.outcomes.exchanges(round(running.since_s * _NANO))
        seen = seen_in(exchanges, self._ran)
        self.status = msgspec.structs.replace(self.status, taken_in=len(seen.score))
        if float(seen.weight.sum()) < FEWEST:
            return
        correction = fit_correction(seen, running.settled.correction, shifts_only=True)
        if correction.moves(running.version.correction) >= LEAST_MOVE:
            self._take_in(running, correction, len(seen.score))

    def _take_in(self, running: Running, correction: Correction, outcomes: int) -> None:
        settled, file = running.settled, self._router()
        told = f"{outcomes:,} outcomes taken in since it was promoted"
        version = RouterVersion(
            version_of(settled.base_version, correction),
            settled.base,
            settled.base_version,
            correction,
            self._clock(),
            "absorbed",
            f"{settled.fitted_on}; {told}" if settled.fitted_on else told,
            outcomes,
            "",
        )
        with self._place.open_store() as store, store.change(ACTOR, time.time_ns()) as book:
            if file is not None and running_in(book.snapshot(), file) == running:
                take_in(book, running, version, told)
                log.info("router %s: %s", version.name, told)

    def _watch_drift(self, now_s: float) -> None:
        """Look for drift since the version in force was promoted; tell of one that came to be."""
        running = next(iter(self._snapshot.routers), None)
        about = SHIPPED if running is None else running.settled.name
        reel = self._reel
        since_ns = 0 if running is None else round(running.since_s * _NANO)
        exchanges = () if reel is None else reel.outcomes.exchanges(since_ns)
        before = self.status.reference, self.status.alarms
        reference, alarms = self._drifting.look(about, exchanges, before, now_s)
        self.status = msgspec.structs.replace(self.status, reference=reference, alarms=alarms)
        if running is not None and running.settled.made_by == "refit" and self._told not in ("", about):
            body = {"router": about, "why": running.why, "before": running.before}
            self._drifting.tell("router.promoted", body, now_s)
        self._told = about

    def _router(self) -> Artifact | None:
        """The settings' file, loaded once there is something to learn; a copy of it is kept, so that it can be brought back."""
        if self._file is None and self._reel is not None and len(self._reel.outcomes):
            path = Path(self._settings.router) if self._settings.router else default_artifact_path()
            artifact = put_on_shelf(self._settings.ledger.directory, path)
            self._file = msgspec.structs.replace(artifact, sample=None)
        return self._file

    def _begin_refit(self, now_s: float) -> None:
        learning, reel = self._settings.learning, self._reel
        if learning.refit_s is None or self._refit.is_running or reel is None:
            return
        outcomes = len(reel.outcomes)
        slot = slot_of(now_s, learning.refit_s)
        if outcomes < learning.least or any(one.slot == slot for one in self._snapshot.refits):
            return
        with self._place.open_store() as store, store.change(ACTOR, time.time_ns()) as book:
            if book.find(Refit, "refit", slot) is not None:
                return
            book.put("refit", slot, Refit(slot, "", now_s), "start")
            for old in sorted(book.snapshot().refits, key=lambda one: one.started_s)[:-KEPT_REFITS]:
                book.remove("refit", old.slot)
        self._refit.start(Order(self._settings, slot))

    def _say(self, now_s: float) -> None:
        reel = self._reel
        outcomes = 0 if reel is None else len(reel.outcomes)
        self.status = msgspec.structs.replace(self.status, outcomes=outcomes, doing=self._refit.doing)
        if self.status != self._said or now_s - self.status.at_s > SAY_S:
            self.status = self._said = msgspec.structs.replace(self.status, at_s=now_s)
            write_status(self._settings.ledger.directory, self.status)


def slot_of(now_s: float, refit_s: float) -> str:
    """The slot of time that a refit is of: when it began, in UTC."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now_s // refit_s * refit_s))


class Refitter:
    """Runs a refit in a process of its own."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        one_thread = dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")
        self._environ = {**environ, **one_thread}
        self._process: subprocess.Popen[bytes] | None = None
        self._slot = self.doing = ""

    @property
    def is_running(self) -> bool:
        """Whether one runs."""
        return self._process is not None

    def start(self, order: Order) -> None:
        """Begin. Raises DataError where no process can be started."""
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "entrepot.refitting"],
                stdin=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=self._environ,
            )
        except OSError as error:
            raise DataError(f"no refit can be started: {error.strerror or error}") from error
        self._slot, self.doing = order.slot, "starting"
        if self._process.stdin is not None:
            with contextlib.suppress(BrokenPipeError):  # it died at once, which is seen when it is looked at
                self._process.stdin.write(msgspec.msgpack.encode(order))
            with contextlib.suppress(BrokenPipeError):
                self._process.stdin.close()
        if self._process.stderr is not None:
            os.set_blocking(self._process.stderr.fileno(), False)

    def look(self, place: ControlPlace, now_s: float) -> None:
        """Hear what it is doing; note it where it failed. Raises ControlError."""
        process = self._process
        if process is None:
            return
        status = process.poll()  # before it is heard: what it says and then ends is heard too
        said = b"" if process.stderr is None else process.stderr.read() or b""
        lines = said.decode(errors="replace").split("\n")
        self.doing = next((line for line in reversed(lines) if line.strip()), self.doing)
        if status is None:
            return
        if process.stderr is not None:
            process.stderr.close()
        self._process = None
        if status:
            with place.open_store() as store, store.change(ACTOR, time.time_ns()) as book:
                begun = book.find(Refit, "refit", self._slot)
                if begun is not None and begun.state == "running":
                    failed = msgspec.structs.replace(begun, state="failed", ended_s=now_s, why=self.doing)
                    book.put("refit", self._slot, failed, "failed")
            log.error("the refit of %s failed: %s", self._slot, self.doing)
        self.doing = ""

    def stop(self) -> None:
        """End it if it runs."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait()
            if self._process.stderr is not None:
                self._process.stderr.close()
            self._process = None
