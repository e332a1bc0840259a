"""[learning], checked and resolved."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from entrepot.settings.address import check_webhook
from entrepot.settings.learning_table import LearningTable, RefitEvery
from entrepot.settings.problems import Problems
from entrepot.settings.schema import LearningSettings
from entrepot.settings.secret import anchor_reference, check_reference

_HOUR_S = 3600.0
EVERY_S: Mapping[RefitEvery, float | None] = {
    "off": None,
    "hourly": _HOUR_S,
    "daily": 24 * _HOUR_S,
    "weekly": 7 * 24 * _HOUR_S,
}


def resolve_learning(table: LearningTable, directory: Path, problems: Problems) -> LearningSettings:
    """How the router learns; relative paths of references start at `directory`."""
    webhook = table.webhook
    if webhook is not None:
        if wrong := check_webhook(webhook) if "://" in webhook else check_reference(webhook):
            problems.add(("learning", "webhook"), wrong)
        elif "://" not in webhook:
            webhook = anchor_reference(webhook, directory)
    return LearningSettings(
        absorb=table.absorb,
        refit_s=EVERY_S[table.refit],
        promote=table.promote,
        least=table.least,
        last_days=table.last_days,
        webhook=webhook,
    )
