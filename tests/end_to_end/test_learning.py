"""The router in force, changed while real gateways answer: put in place, named in decisions, brought back."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from entrepot.control.objects import RouterVersion
from entrepot.control.routers import put_in_place, running_in, version_before
from entrepot.control.sqlite import open_control
from entrepot.control.store import Actor
from entrepot.router_in_force import load_router
from entrepot.routing.correction import Adjustment, Correction, version_of
from tests.end_to_end.world import PLAN, World, eventually, settings_for, simulator_in_thread, world_of

pytestmark = pytest.mark.end_to_end

CHEAP, DEAR = "cheap/small", "dear/large"
ME = Actor("tester", "command line")


def decided(entrepot: World, text: str) -> tuple[str, str]:
    """Who answers, and by which router."""
    status, headers, _ = entrepot.chat("auto", text)
    assert status == 200
    assert eventually(lambda: entrepot.request(f"/decisions/{headers['x-entrepot-exchange']}")[0] == 200)
    return headers["x-entrepot-deployment"], entrepot.decision(headers["x-entrepot-exchange"])["decision"]["router"]


def test_a_version_is_taken_up_by_gateways_that_run_and_brought_back(tmp_path: Path) -> None:
    with simulator_in_thread(PLAN) as simulator:
        settings = settings_for(simulator, tmp_path / "ledger")
        file = load_router(settings)
        correction = Correction(models={"small": Adjustment(1.0, 3.0, 0.0), "large": Adjustment(1.0, -3.0, 0.0)})
        version = RouterVersion(version_of(file.version, correction), file.digest, file.version, correction)
        with world_of(simulator, settings) as entrepot:
            before, named = decided(entrepot, "who is asked before?")
            assert named == file.version
            with open_control(entrepot.directory) as store, store.change(ME, time.time_ns()) as book:
                put_in_place(book, running_in(book.snapshot(), file), version, "tester", "to see")
            began_s = time.monotonic()
            assert eventually(lambda: decided(entrepot, f"and now, {time.time_ns()}?")[1] == version.name, 30)
            print(f"taken up within {time.monotonic() - began_s:.2f} s")
            assert decided(entrepot, "who is asked now?") == (CHEAP, version.name)
            with open_control(entrepot.directory) as store:
                running = running_in(store.snapshot(), file)
                old = version_before(store, running, file)
                with store.change(ME, time.time_ns()) as book:
                    put_in_place(book, running, old, "tester", "to see", "back", "")
            assert eventually(lambda: decided(entrepot, f"and again, {time.time_ns()}?") == (before, file.version), 30)
