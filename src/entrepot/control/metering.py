"""What is counted by these settings: budgets, limits, the shared counters, and who lets exchanges in by them.

Rules of this file: no decisions; only who is given what. Budgets of the file and of the control store hold alike.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, tzinfo
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from entrepot.drive.admit import Admission
from entrepot.drive.leases import Leases
from entrepot.errors import InvalidRequest
from entrepot.ledger.counters import Counters
from entrepot.ledger.ingest import Ingester
from entrepot.ledger.reservations import Journal, Reserved
from entrepot.ledger.settling import Settling, name_ledger
from entrepot.ledger.shared import open_shared_counters
from entrepot.ledger.store import LedgerStore
from entrepot.policy.budgets import Budget, BudgetBook, check_budget
from entrepot.policy.limits import LimitBook
from entrepot.policy.teams import parents_of, weights_of
from entrepot.settings.address import check_webhook
from entrepot.settings.budgets import is_zone
from entrepot.settings.schema import Settings
from entrepot.upstream.credentials import Credentials

log = logging.getLogger("entrepot.budgets")


def read_budget(name: str, document: Mapping[str, Any]) -> Budget:
    """A budget of the control store from its document. Raises InvalidRequest."""
    try:
        budget = msgspec.convert({**document, "name": name}, Budget, strict=False)
    except msgspec.ValidationError as error:
        raise InvalidRequest(f"this is no budget: {error}") from None
    wrong = check_budget(budget)
    if not is_zone(budget.timezone):
        wrong.append(("timezone", "is no time zone known here; UTC always is"))
    if budget.webhook is not None and (told := check_webhook(budget.webhook)) is not None:
        wrong.append(("webhook", told))
    if wrong:
        field, text = wrong[0]
        raise InvalidRequest(f"'{field}' {text}", param=field)
    return budget


def read_budgets(documents: Sequence[tuple[str, Mapping[str, Any]]], taken: Sequence[Budget]) -> tuple[Budget, ...]:
    """The budgets of the control store whose names the file has not given; one that cannot be read is told and left out."""
    names = {budget.name for budget in taken}
    budgets: list[Budget] = []
    for name, document in documents:
        if name in names:
            continue
        try:
            budgets.append(read_budget(name, document))
        except InvalidRequest as error:
            log.error("budget '%s' of the control store holds nobody: %s", name, error.message)
    return tuple(budgets)


def build_book(settings: Settings) -> BudgetBook:
    """The budgets of these settings."""
    return BudgetBook(settings.budgets, _zone_of, parents_of(settings.teams))


def build_limits(settings: Settings) -> LimitBook:
    """The limits of these settings."""
    line_of = build_book(settings).line_of
    return LimitBook(settings.limits, settings.deployment_limits, line_of, weights_of(settings.teams))


def counts(settings: Settings) -> bool:
    """Whether there is anything to count, or may come to be."""
    written = settings.budgets or settings.limits or settings.deployment_limits
    may_be_tried_beside = any(route.outcomes.checks or route.outcomes.judging for route in settings.routes)
    return bool(written) or may_be_tried_beside or settings.control is not None


def open_counters(settings: Settings, environ: Mapping[str, str]) -> Counters:
    """The shared counters of an installation. Raises ExtraMissing or SettingsError."""
    redis = settings.counters.redis
    url = None if redis is None else redis if "://" in redis else Credentials(environ).read(redis)
    return open_shared_counters(settings.ledger.directory, url)


def build_admission(settings: Settings, name: str) -> Admission | None:
    """What lets exchanges in, in the process called `name`; None where there is nothing to count."""
    if not counts(settings):
        return None
    journal = Journal(settings.ledger.directory, name)
    open_: dict[str, Reserved] = {}
    leases = Leases(open_counters(settings, os.environ), journal, lambda: tuple(open_.values()))
    return Admission(
        build_book(settings), build_limits(settings), leases, journal, open_, settings.counters.when_unreachable
    )


def build_settling(settings: Settings, counters: Counters, store: LedgerStore, ingester: Ingester) -> Settling:
    """What settles for the dead, and rebuilds counters."""
    directory: str | Path = settings.ledger.directory
    settling = Settling(counters, store, ingester, directory, build_book(settings), time.time)
    settling.share(name_ledger(directory), settings.counters.ledgers)
    return settling


def _zone_of(name: str) -> tzinfo:
    return UTC if name == "UTC" else ZoneInfo(name)
