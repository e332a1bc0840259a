from __future__ import annotations

import os
from pathlib import Path

from entrepot import __version__
from entrepot.telemetry.exposition import Sample
from entrepot.telemetry.families import INFO, PROCESS_CPU, PROCESS_MEMORY, PROCESS_START, PROCESS_UP, Family
from entrepot.telemetry.processes import look_at_processes, look_at_spools
from entrepot.telemetry.series import Kept


def values(found: list[Sample], family: Family) -> dict[tuple[str, ...], float]:
    return {sample.labels: sample.value for sample in found if sample.family is family}


def test_a_process_that_runs_is_told_from_one_that_does_not() -> None:
    here = Kept("gateway-0", os.getpid(), 5.0, True, {})
    gone = Kept("control-0", os.getpid(), 6.0, False, {})
    found = list(look_at_processes([here, gone]))
    assert values(found, PROCESS_UP) == {("gateway-0",): 1.0, ("control-0",): 0.0}
    assert values(found, PROCESS_START) == {("gateway-0",): 5.0, ("control-0",): 6.0}
    assert values(found, INFO) == {(__version__,): 1.0}
    for family in (PROCESS_CPU, PROCESS_MEMORY):
        taken = values(found, family)
        assert ("control-0",) not in taken
        if Path("/proc/self/stat").exists():
            assert taken["gateway-0",] > 0


def test_spools_are_added_up_and_one_that_has_just_gone_is_none(tmp_path: Path) -> None:
    (tmp_path / "a.spool").write_bytes(b"12345")
    (tmp_path / "b.spool").write_bytes(b"123")
    assert look_at_spools([*tmp_path.iterdir(), tmp_path / "gone.spool"]).value == 8
