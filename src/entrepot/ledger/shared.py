"""Which of the shared counters an installation has; what the others need is not imported."""

from __future__ import annotations

import importlib
from pathlib import Path

from entrepot.errors import ExtraMissing
from entrepot.ledger.counters import Counters
from entrepot.ledger.sqlite_counters import open_sqlite_counters


def open_shared_counters(directory: str | Path, redis_url: str | None = None) -> Counters:
    """Those beside the ledger in `directory`, or those of a Redis. Raises ExtraMissing, or SettingsError for a wrong URL."""
    if redis_url is None:
        return open_sqlite_counters(directory)
    try:
        module = importlib.import_module("entrepot.ledger.redis_counters")
    except ImportError:
        raise ExtraMissing("[counters] redis", "redis") from None
    counters: Counters = module.open_redis_counters(redis_url)
    return counters
