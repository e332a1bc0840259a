"""How long entries are kept."""

from __future__ import annotations

import logging
import time
from datetime import UTC, datetime, timedelta

from entrepot.ledger.reading import RelationalStore

DROP_EVERY_S = 3_600.0
_log = logging.getLogger(__name__)


def drop_old(store: RelationalStore, keep_days: int) -> int:
    """Drop the entries of days that lie more than `keep_days` whole days back; returns how many. Raises LedgerError."""
    today = datetime.fromtimestamp(time.time(), UTC).date()
    first_kept = (today - timedelta(days=keep_days)).isoformat()
    count = store.drop_before(first_kept)
    if count:
        _log.info("%d entries from before %s are dropped; sums stay", count, first_kept)
    return count
