"""Kept content over the admin API: one exchange's words are shown or erased, by those who may, and the trail says so."""

from __future__ import annotations

import os
import time
from typing import Any

from entrepot.control.asking import Ask
from entrepot.errors import NotFound
from entrepot.ledger.content.answer import open_content
from entrepot.ledger.content.ingest import ContentIngester
from entrepot.ledger.content.transcript import content_document
from entrepot.ledger.kept_responses import FILE, ResponseStore
from entrepot.ledger.place import LedgerPlace
from entrepot.settings.content import content_seals
from entrepot.settings.ledger import ledger_place


def show_content(ask: Ask) -> dict[str, Any]:
    """What was said in the exchange of this id, where its route keeps that."""
    place, exchange = _place(ask), ask.name
    kept = None
    if place.holds_content():
        with place.open_content() as store:
            kept = store.find(exchange)
    if kept is None:
        raise _nothing_kept(exchange)
    told = content_document(kept, open_content(kept, content_seals(ask.installation.settings, os.environ)))
    with ask.change() as book:
        book.note("read", "content", exchange)
    return told


def erase_content(ask: Ask) -> dict[str, Any]:
    """Erase what was said in the exchange of this id. Its entry, which holds no words, stays."""
    place, exchange = _place(ask), ask.name
    count = 0
    if place.holds_content():
        with place.open_content() as store:
            count = store.forget("id", exchange, time.time_ns())
    if (place.directory / FILE).exists():  # kept for `previous_response_id`, but said all the same
        count += ResponseStore(place.directory, keep_days=1).forget_exchange(exchange)
    if not count:
        raise _nothing_kept(exchange)
    with ask.change() as book:
        book.note("forget", "content", exchange)
    return {"name": exchange, "erased": True}


def _place(ask: Ask) -> LedgerPlace:
    """Where content is, with what lies in spools brought in."""
    settings = ask.installation.settings
    place = ledger_place(settings, os.environ)
    if place.holds_content():
        seals = content_seals(settings, os.environ)
        with ContentIngester(place.open_content, place.directory, seals) as ingester:
            ingester.run_once()
    return place


def _nothing_kept(exchange: str) -> NotFound:
    return NotFound(f"nothing is kept of what was said in '{exchange[:100]}'")
