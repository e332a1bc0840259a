"""What one key is confined to, whatever the rules allow: routes, models, tags, addresses.

Rules of this file: pure. A scope only takes away. None means that nothing was said; an empty tuple allows nothing. A pattern
may have `*` for any characters, and letters count as they are written. Addresses are checked where a request comes in
(`server/authenticate.py`), models in the one gate that every attempt passes, names where they are looked up.
"""

from __future__ import annotations

from collections.abc import Iterable
from fnmatch import fnmatchcase

import msgspec

from entrepot.catalog.schema import Deployment
from entrepot.policy.tags import fold_tag


class Scope(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a key may be used for. Everything, where nothing is said.

    `routes` are the routes that may be asked for; where they are named and `models` are not, no model may be asked for by its
    own name. `models` are the models or deployments that may answer, also behind a route. `tags` are those that a request may
    add by header. `addresses` are networks in CIDR form from which the key may be used.
    """

    routes: tuple[str, ...] | None = None
    models: tuple[str, ...] | None = None
    tags: tuple[str, ...] | None = None
    addresses: tuple[str, ...] | None = None


EVERYTHING = Scope()


def object_to_name(scope: Scope, name: str, *, is_route: bool) -> str | None:
    """Why this name may not be asked for, as a sentence that goes on from "the key"; None if it may."""
    if scope.routes is None:
        return None
    if is_route:
        return None if _matches(name, scope.routes) else f"is for {_listed(scope.routes, 'route')}"
    return None if scope.models is not None else f"is for {_listed(scope.routes, 'route')}, and no model by name"


def object_to_deployment(scope_models: tuple[str, ...] | None, deployment: Deployment) -> str | None:
    """Why a key whose scope has these models may not be answered by this deployment; None if it may."""
    if scope_models is None or _matches(deployment.model, scope_models) or _matches(deployment.id, scope_models):
        return None
    return f"the key is for {_listed(scope_models, 'model')}"


def object_to_tags(scope: Scope, tags: Iterable[str]) -> str | None:
    """Why a request with this key may not add these tags, as a sentence that goes on from "the key"; None if it may."""
    if scope.tags is None:
        return None
    allowed = tuple(map(fold_tag, scope.tags))
    beyond = sorted(tag for tag in tags if not _matches(fold_tag(tag), allowed))
    return f"may add {_listed(scope.tags, 'tag')}, not '{beyond[0][:100]}'" if beyond else None


def _matches(name: str, patterns: tuple[str, ...]) -> bool:
    return any(name == pattern or fnmatchcase(name, pattern) for pattern in patterns)


def _listed(names: tuple[str, ...], what: str) -> str:
    if not names:
        return f"no {what}"
    return f"the {what}{'s' if len(names) > 1 else ''} {', '.join(names)}"
