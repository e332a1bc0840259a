"""How deployments fare, as each gateway process sees it: a small file of each, for the control process to show, and for a
process that takes another's place to begin with.

Rules of this file: a file is replaced whole, so that a reader never sees half of one. It is no entry and holds nothing that
may not be lost. One that was not renewed for STALE_S is of a process that is gone.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Sequence
from pathlib import Path

import msgspec

from entrepot.catalog.schema import Deployment
from entrepot.errors import LedgerError
from entrepot.exchange.board import View
from entrepot.exchange.health import Health

FOLDER = "health"
RENEW_S = 2.0
STALE_S = 10.0


class HealthReport(msgspec.Struct, frozen=True):
    """What one process knew at `at_s` (Unix seconds); `known` is the whole of it, by `place_of` a deployment."""

    process: str
    at_s: float
    views: tuple[View, ...]
    known: dict[str, Health] = {}


def write_report(directory: str | Path, report: HealthReport) -> None:
    """Put a report in the place of the process's last one. Raises LedgerError."""
    folder = Path(directory) / FOLDER
    path = folder / f"{report.process}.json"
    fresh = path.with_suffix(".new")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        fresh.write_bytes(msgspec.json.encode(report))
        os.replace(fresh, path)  # noqa: PTH105 - Path.replace is the same call, and this one names what it does
    except OSError as error:
        raise LedgerError(f"{path} cannot be written: {error.strerror}") from error


def remove_report(directory: str | Path, process: str) -> None:
    """The process ends."""
    with contextlib.suppress(OSError):
        (Path(directory) / FOLDER / f"{process}.json").unlink()


def read_reports(directory: str | Path, at_s: float) -> list[HealthReport]:
    """The reports of the processes that run, by name. What cannot be read is left out."""
    found = []
    for path in sorted((Path(directory) / FOLDER).glob("*.json")):
        with contextlib.suppress(OSError, msgspec.MsgspecError):
            report = msgspec.json.decode(path.read_bytes(), type=HealthReport)
            if at_s - report.at_s <= STALE_S:
                found.append(report)
    return found


def place_of(deployment: Deployment) -> str:
    """What a deployment's health is about, where it is asked and as whom, as a digest. One that was set right begins anew."""
    asked = (deployment.base_url, deployment.upstream_name, deployment.auth, deployment.secret or "")
    return hashlib.blake2b("\n".join((deployment.id, *asked)).encode(), digest_size=16).hexdigest()


def latest(reports: Sequence[HealthReport]) -> dict[str, Health]:
    """What is known by place: of several processes' what was learned last, and the longest that anybody is to wait."""
    found: dict[str, Health] = {}
    for report in reports:
        for place, health in report.known.items():
            other = found.get(place, health)
            newer, older = (health, other) if health.at_s >= other.at_s else (other, health)
            if older.wait_until_s > newer.wait_until_s:
                newer = msgspec.structs.replace(newer, wait_until_s=older.wait_until_s, told_s=older.told_s)
            found[place] = newer
    return found


def states(views: Sequence[View]) -> dict[str, int]:
    """How many deployments are in each state that is not closed."""
    found: dict[str, int] = {}
    for view in views:
        if view.state != "closed":
            found[view.state] = found.get(view.state, 0) + 1
    return found
