"""What the control process does for budgets, again and again: settle for the dead, rebuild counters, warn.

Rules of this file: budgets of the control store count from the moment they are made; they are read again when it changes.
"""

from __future__ import annotations

import os
import time

from entrepot.control.in_force import put_in_force
from entrepot.control.metering import build_book, build_settling
from entrepot.control.place import control_place
from entrepot.control.reload import Watch
from entrepot.control.warning import Warner
from entrepot.control.webhooks import Outbox
from entrepot.ledger.counters import Counters
from entrepot.ledger.ingest import Ingester
from entrepot.ledger.store import LedgerStore
from entrepot.settings.schema import Settings
from entrepot.upstream.credentials import Credentials

WARN_EVERY_S = 1.0


class Accounting:
    """The duties of one control process."""

    def __init__(self, settings: Settings, counters: Counters, store: LedgerStore, ingester: Ingester) -> None:
        self._settings = settings
        self._book = build_book(settings)
        self._watch = Watch(control_place(settings, os.environ))
        self._settling = build_settling(settings, counters, store, ingester)
        self._outbox = Outbox(allow_inside=settings.counters.webhooks_inside)
        self._warner = Warner(counters, self._outbox, Credentials(os.environ).read)

    def settle(self) -> None:
        """Settle what can be settled. Raises LedgerError, CountersUnreachable or ControlError."""
        snapshot = self._watch.look()
        if snapshot is not None:
            self._book = build_book(put_in_force(self._settings, snapshot))
            self._settling.count(self._book)
        self._settling.run_once()

    def warn(self) -> None:
        """Warn of what was passed, and send what is due. Raises CountersUnreachable or SettingsError."""
        self._warner.run_once(self._book, time.time())
