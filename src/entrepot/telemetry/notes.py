"""What the operator should know of the rest of an installation, in sentences: for /readyz, which stays ready for it."""

from __future__ import annotations

from collections.abc import Sequence

from entrepot.telemetry.families import DRIFT_ALARM, INGEST_FAILING, SPOOL_WAITING
from entrepot.telemetry.series import Kept, read_all

CONTROL = "control-0"
"""What the control process calls itself."""


def notes_on(directory: str) -> list[str]:
    """Sentences on the installation whose ledger is in `directory`."""
    return tell(read_all(directory))


def tell(kept: Sequence[Kept]) -> list[str]:
    """Sentences on what the processes wrote down of themselves."""
    control = next((each for each in kept if each.process == CONTROL), None)
    if control is None or not control.alive:
        return ["the control process does not run: entries wait in the spools until it does"]
    if control.series.get((INGEST_FAILING.name,), (0.0,))[0]:
        waiting = int(control.series.get((SPOOL_WAITING.name,), (0.0,))[0])
        return [f"the ledger takes no entries: {waiting} bytes of them wait in the spools; the log says why"]
    raised = sorted(key[1] for key, values in control.series.items() if key[0] == DRIFT_ALARM.name and values[0])
    if raised:
        return [f"not what it was: {', '.join(raised)}; entrepot router status says more"]
    return []
