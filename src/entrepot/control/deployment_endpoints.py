"""What the admin API says of deployments: how each gateway process finds them."""

from __future__ import annotations

from typing import Any

import msgspec

from entrepot.control.asking import Ask
from entrepot.ledger.health_reports import read_reports


def list_deployments(ask: Ask) -> dict[str, Any]:
    """Every deployment of the settings, with what the gateway processes that run know of it."""
    settings = ask.installation.settings
    known: dict[str, list[dict[str, Any]]] = {}
    for report in read_reports(settings.ledger.directory, ask.now_s):
        for view in report.views:
            seen = {**_NOTHING, **msgspec.to_builtins(view), "process": report.process, "at_s": report.at_s}
            known.setdefault(seen.pop("deployment"), []).append(seen)
    return {
        "deployments": [
            {"id": one.id, "model": one.model, "provider": one.provider, "seen_by": known.get(one.id, [])}
            for one in settings.deployments
        ]
    }


_NOTHING = {
    "why": None,
    "until_s": None,
    "under_way": 0,
    "failing_share": 0.0,
    "first_content_s": None,
    "token_s": None,
}
