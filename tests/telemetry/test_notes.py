from __future__ import annotations

from pathlib import Path

import msgspec

from entrepot.telemetry.families import DRIFT_ALARM, INGEST_FAILING, SPOOL_WAITING
from entrepot.telemetry.notes import CONTROL, notes_on, tell
from entrepot.telemetry.series import Kept, Key


def control(failing: float, waiting: float, *, alive: bool = True) -> Kept:
    series: dict[Key, tuple[float, ...]] = {(INGEST_FAILING.name,): (failing,), (SPOOL_WAITING.name,): (waiting,)}
    return Kept(CONTROL, 1, 0.0, alive, series)


def test_nothing_is_said_while_all_is_well() -> None:
    assert tell([control(0.0, 5_000.0)]) == []


def test_a_ledger_that_takes_nothing_is_told_with_what_waits() -> None:
    (note,) = tell([control(1.0, 5_000.0)])
    assert note.startswith("the ledger takes no entries: 5000 bytes of them wait in the spools")


def test_an_alarm_of_drift_is_told() -> None:
    kept = control(0.0, 0.0)
    raised = {(DRIFT_ALARM.name, "prices"): (1.0,), (DRIFT_ALARM.name, "prompts"): (0.0,)}
    assert tell([msgspec.structs.replace(kept, series={**kept.series, **raised})]) == [
        "not what it was: prices; entrepot router status says more"
    ]


def test_a_control_process_that_does_not_run_is_told(tmp_path: Path) -> None:
    (note,) = tell([control(0.0, 0.0, alive=False)])
    assert note.startswith("the control process does not run")
    assert notes_on(str(tmp_path)) == [note]
