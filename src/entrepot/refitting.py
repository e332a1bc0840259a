"""A refit, as a process of its own at the lowest priority: settings in, what came of it in the control store.

The control process starts it (`control/learning.py`); `entrepot router refit` does the same in the foreground.
"""

from __future__ import annotations

import contextlib
import os
import socket
import sys
import time
from collections.abc import Callable, Mapping
from functools import partial

import msgspec

from entrepot.control.in_force import put_in_force
from entrepot.control.learning import ACTOR, Order
from entrepot.control.live_reel import LiveReel
from entrepot.control.objects import Refit, RouterVersion
from entrepot.control.place import control_place
from entrepot.control.routers import corrections_of, put_in_place, running_in
from entrepot.control.store import ControlStore
from entrepot.errors import EntrepotError
from entrepot.learning.refit import Refitted, error_of, refit
from entrepot.router_in_force import Routers, choices_builder
from entrepot.routing.artifact import Artifact
from entrepot.routing.correction import Correction, Learned, version_of
from entrepot.routing.worth import Knob
from entrepot.settings.ledger import ledger_place

_NANO = 1_000_000_000
_DAY_S = 86_400.0


def refit_router(
    order: Order, environ: Mapping[str, str], *, promote: bool, step: Callable[[str], None] = lambda _doing: None
) -> Refit:
    """Refit now and write down what came of it; promote what is better where that is wanted. Raises EntrepotError."""
    settings, started_s = order.settings, time.time()
    learning = settings.learning
    place = control_place(settings, environ)
    routers = Routers(settings)
    with contextlib.closing(ledger_place(settings, environ).open_store()) as reader, place.open_store() as store:
        step("reading live outcomes")
        reel = LiveReel(reader, round((started_s - learning.last_days * _DAY_S) * _NANO))
        reel.wind()
        snapshot = store.snapshot()
        in_force = put_in_force(settings, snapshot)
        running = running_in(snapshot, routers.file)
        base, _ = routers.get(in_force.learned)
        build = choices_builder(settings, routers)

        def knobs_with(correction: Correction) -> Mapping[str, Knob]:
            learned = Learned(version_of(base.version, correction), base.digest, routers.file.digest, correction)
            return build(msgspec.structs.replace(in_force, learned=learned)).knobs

        ran = corrections_of(store, routers.file, base.digest)
        exchanges = reel.outcomes.exchanges()
        found = Refit(order.slot, _who(), started_s, "not promoted", why="")
        if len(exchanges) < learning.least:
            told = f"{len(exchanges):,} outcomes are too few; a refit wants {learning.least:,}"
            done = msgspec.structs.replace(found, ended_s=time.time(), why=told)
        else:
            knobs = build(in_force).knobs
            came = refit(exchanges, ran, knobs, knobs_with, error_of(learning.refit_s), step)
            done = _told(found, came, base)
        return _write_down(store, done, running.settled.name, routers.file, promote=promote)


def _told(found: Refit, came: Refitted, base: Artifact) -> Refit:
    verdict, now_s = came.verdict, time.time()
    candidate = RouterVersion(
        version_of(base.version, came.candidate),
        base.digest,
        base.version,
        came.candidate,
        now_s,
        "refit",
        came.fitted_on,
        came.earlier,
        verdict.why,
    )
    compared = verdict.comparison
    return msgspec.structs.replace(
        found,
        state="promoted" if verdict.promote else "not promoted",
        ended_s=now_s,
        earlier=came.earlier,
        later=verdict.later,
        differing=verdict.differing,
        candidate=candidate,
        difference=None if compared is None else tuple(compared.difference),
        why=verdict.why,
    )


def _write_down(store: ControlStore, done: Refit, ran: str, file: Artifact, *, promote: bool) -> Refit:
    with store.change(ACTOR, time.time_ns()) as book:
        running = running_in(book.snapshot(), file)
        if done.state == "promoted" and (not promote or running.settled.name != ran):
            why = "promoting is left to people" if not promote else "another version was promoted meanwhile"
            done = msgspec.structs.replace(done, state="not promoted", why=f"{done.why}; {why}")
        if done.state == "promoted" and done.candidate is not None:
            put_in_place(book, running, done.candidate, ACTOR.who, done.why)
        book.put("refit", done.slot, done, done.state)
    return done


def _who() -> str:
    return f"{socket.gethostname()}, process {os.getpid()}"


def main() -> int:
    """What the process does with its life: the order is on its standard input. Returns its exit status."""
    with contextlib.suppress(OSError):
        os.nice(19)
    order = msgspec.msgpack.decode(sys.stdin.buffer.read(), type=Order)
    say = partial(print, file=sys.stderr, flush=True)
    try:
        refit_router(order, os.environ, promote=order.settings.learning.promote, step=say)
    except EntrepotError as error:
        say(f"failed: {error.message}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
