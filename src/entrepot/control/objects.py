"""The shapes of what the control store keeps.

Rules of this file: the text of a secret is in none of them. Times are Unix seconds. A name is one line of printable text.
"""

from __future__ import annotations

import re
from typing import Any, Literal

import msgspec

from entrepot.control.trials import Trial
from entrepot.errors import InvalidRequest
from entrepot.policy.rules import Rule
from entrepot.policy.scope import EVERYTHING, Scope
from entrepot.policy.teams import Team
from entrepot.routing.correction import NOTHING, Correction
from entrepot.settings.schema import KeySettings

Kind = Literal["key", "team", "member", "rule", "budget", "trial", "router", "refit", "content"]
"""What the trail tells of; `content` is kept elsewhere, and the trail says who read or erased it."""
Role = Literal["admin", "operator", "viewer"]

LONGEST_NAME = 200


class Secret(msgspec.Struct, frozen=True):
    """A text that was shown once: its digest, how it begins, and until when it is valid (None: as long as what it is of)."""

    sha256: str
    prefix: str
    made_s: int
    until_s: float | None = None


class StoredKey(msgspec.Struct, frozen=True):
    """A client's key. While it is being rotated it has two secrets, the newest last."""

    name: str
    secrets: tuple[Secret, ...]
    made_s: int
    team: str | None = None
    tags: tuple[str, ...] = ()
    scope: Scope = EVERYTHING
    expires_s: float | None = None
    disabled: bool = False
    data_classes: tuple[str, ...] = ()
    region: str | None = None


class Member(msgspec.Struct, frozen=True):
    """A person of the control plane.

    One who is `confined` acts on the teams that they are in, and on those below, and on nothing else.
    """

    name: str
    role: Role
    secrets: tuple[Secret, ...]
    made_s: int
    teams: tuple[str, ...] = ()
    confined: bool = False
    disabled: bool = False


class Budget(msgspec.Struct, frozen=True):
    """A budget as it was written."""

    name: str
    document: dict[str, Any]


ROUTER = "running"
"""What the one object is called that says which router is in force."""


class RouterVersion(msgspec.Struct, frozen=True):
    """A router as it can be brought back: the file that it is made of (`base`, its digest), and what was learned over it.

    `fitted_on` says on what, `outcomes` on how many that came live, and `evaluation` what it was held to before it was used.
    """

    name: str
    base: str
    base_version: str
    correction: Correction = NOTHING
    made_s: float = 0.0
    made_by: Literal["settings", "operator", "refit", "absorbed"] = "settings"
    fitted_on: str = ""
    outcomes: int = 0
    evaluation: str = ""


class Running(msgspec.Struct, frozen=True):
    """The router in force: `version`, since `at_s`. It is `settled`, which was promoted at `since_s`, or what became of that by
    the outcomes that came since.

    `over` is the digest of the file that the settings named then, `by` and `why` are for the last change, `before` names what
    was in force when `settled` took its place; empty: the settings' file.
    """

    version: RouterVersion
    settled: RouterVersion
    over: str
    since_s: float
    at_s: float
    by: str = ""
    why: str = ""
    before: str = ""


class Refit(msgspec.Struct, frozen=True):
    """One refit, by the slot of time that it is of: what came of it and why.

    `earlier` outcomes were learned from, on `later` ones the candidate was held against what ran; `differing` of them are those
    for which it would have chosen another. `difference` is the candidate's value less that of what ran, with its bounds, as a
    part of what can be gained at most.
    """

    slot: str
    who: str
    started_s: float
    state: Literal["running", "promoted", "not promoted", "failed"] = "running"
    ended_s: float | None = None
    earlier: int = 0
    later: int = 0
    differing: int = 0
    candidate: RouterVersion | None = None
    difference: tuple[float, float, float] | None = None
    why: str = ""


def without_secrets(document: dict[str, Any]) -> dict[str, Any]:
    """A document for those who may not change it: of an address that is called its host alone, for its path may be a secret."""
    return {name: _without_secrets(name, value) for name, value in document.items()}


def _without_secrets(name: str, value: Any) -> Any:  # noqa: ANN401 - of a document
    if isinstance(value, dict):
        return without_secrets(value)
    if name != "webhook" or not isinstance(value, str) or "://" not in value:
        return value
    scheme, _, rest = value.partition("://")
    host = re.split(r"[/?#]", rest, maxsplit=1)[0].rpartition("@")[2]
    return f"{scheme}://{host}/…"


class Snapshot(msgspec.Struct, frozen=True):
    """All that is kept, at one moment. `version` grows with every change."""

    version: int = 0
    keys: tuple[StoredKey, ...] = ()
    teams: tuple[Team, ...] = ()
    members: tuple[Member, ...] = ()
    rules: tuple[Rule, ...] = ()
    budgets: tuple[Budget, ...] = ()
    trials: tuple[Trial, ...] = ()
    routers: tuple[Running, ...] = ()
    refits: tuple[Refit, ...] = ()


SHAPES: dict[Kind, type[msgspec.Struct]] = {
    "key": StoredKey,
    "team": Team,
    "member": Member,
    "rule": Rule,
    "budget": Budget,
    "trial": Trial,
    "router": Running,
    "refit": Refit,
}


def check_name(name: str, what: str = "name") -> None:
    """Raises InvalidRequest if `name` may not be one: it is printed in tables and logs, and stands in addresses."""
    if not name or name != name.strip() or not name.isprintable() or len(name) > LONGEST_NAME:
        raise InvalidRequest(
            f"'{what}' must be 1 to {LONGEST_NAME} printable characters on one line, without spaces around them",
            param=what,
        )


def settings_of(key: StoredKey) -> tuple[KeySettings, ...]:
    """The key as the gateway's keyring takes it: once for each of its secrets."""
    return tuple(
        KeySettings(
            name=key.name,
            sha256=secret.sha256,
            team=key.team,
            tags=key.tags,
            scope=key.scope,
            expires_s=min((at for at in (key.expires_s, secret.until_s) if at is not None), default=None),
            disabled=key.disabled,
            data_classes=key.data_classes,
            region=key.region,
        )
        for secret in key.secrets
    )
