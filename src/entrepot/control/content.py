"""What is said on routes that keep it: gathered in gateways, brought into its store and dropped by the control process."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Coroutine, Mapping
from functools import partial
from typing import Any

from entrepot.control.repeating import repeat
from entrepot.ledger.content.ingest import ContentIngester
from entrepot.ledger.content.spool import ContentSpool
from entrepot.ledger.place import LedgerPlace
from entrepot.ledger.retention import DROP_EVERY_S
from entrepot.server.content import KEEP_NOTHING, ContentKeeper, Result
from entrepot.settings.content import content_seals, storing_routes
from entrepot.settings.ledger import ledger_place
from entrepot.settings.schema import Settings
from entrepot.telemetry.families import CONTENT, CONTENT_BYTES
from entrepot.telemetry.metrics import Metrics

_DAY_S = 86_400
_log = logging.getLogger("entrepot.content")


def kept_days(settings: Settings) -> int:
    """For how many days content is kept: never longer than the entries that it belongs to."""
    days = settings.content.keep_days
    return days if settings.ledger.keep_days is None else min(days, settings.ledger.keep_days)


def build_keeper(settings: Settings, environ: Mapping[str, str], name: str, metrics: Metrics | None) -> ContentKeeper:
    """What keeps content in the gateway process of this name. Raises SettingsError or ExtraMissing: never is anything kept open
    that was to be encrypted.
    """
    routes = storing_routes(settings)
    if not routes:
        return KEEP_NOTHING
    kept = settings.ledger

    def count(route: str, result: Result, size: int) -> None:
        if metrics is not None:
            metrics.add(CONTENT, 1, route, result)
            metrics.add(CONTENT_BYTES, size, route)

    return ContentKeeper(
        routes,
        ContentSpool(kept.directory, name, kept.durability).append,
        content_seals(settings, environ),
        keep_days=kept_days(settings),
        max_bytes=settings.content.max_bytes,
        count=count,
    )


def content_duties(
    settings: Settings, environ: Mapping[str, str], stop: asyncio.Event
) -> list[Coroutine[Any, Any, None]]:
    """What the control process does for content until told to stop. Raises SettingsError or ExtraMissing."""
    place = ledger_place(settings, environ)
    ingester = ContentIngester(place.open_content, place.directory, content_seals(settings, environ))
    return [
        _closing(ingester, stop),
        repeat(partial(drop_old_content, place, kept_days(settings)), stop, DROP_EVERY_S),
    ]


async def _closing(ingester: ContentIngester, stop: asyncio.Event) -> None:
    with ingester:
        await ingester.follow(stop)


def drop_old_content(place: LedgerPlace, keep_days: int) -> int:
    """Erase content that is past its time; returns of how many exchanges. Raises LedgerError."""
    if not place.holds_content():
        return 0
    now_ns = time.time_ns()
    with place.open_content() as store:
        count = store.drop(now_ns // 1_000_000_000, now_ns - keep_days * _DAY_S * 1_000_000_000)
    if count:
        _log.info("the content of %d exchanges is erased: it is older than %d days", count, keep_days)
    return count
