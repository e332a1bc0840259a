"""Entries that are on their way into the ledger, where an installation runs.

Rules of this file: who wants to read leaves the spools to the control process: only there is anybody told of what comes in, the
log of exchanges and a collector.
"""

from __future__ import annotations

import contextlib
import time
from pathlib import Path

from entrepot.ledger.spool import list_spools
from entrepot.ledger.store import LedgerStore
from entrepot.telemetry.notes import CONTROL
from entrepot.telemetry.series import read_all

WITHIN_S = 2.0
_LOOK_S = 0.02


def await_control(store: LedgerStore, directory: Path, within_s: float = WITHIN_S) -> bool:
    """Wait until the control process has brought in what lies in the spools now. False: none runs, or it takes longer.

    Raises LedgerError.
    """
    if not any(each.process == CONTROL and each.alive for each in read_all(directory)):
        return False
    wanted: dict[Path, int] = {}
    for path in list_spools(directory):
        with contextlib.suppress(FileNotFoundError):
            wanted[path] = path.stat().st_size
    deadline_s = time.monotonic() + within_s
    while not _is_in(store, wanted):
        if time.monotonic() >= deadline_s:
            return False
        time.sleep(_LOOK_S)
    return True


def _is_in(store: LedgerStore, wanted: dict[Path, int]) -> bool:
    known = store.spool_progress()
    return all(
        not path.exists() or (path.name in known and known[path.name].offset >= size) for path, size in wanted.items()
    )
