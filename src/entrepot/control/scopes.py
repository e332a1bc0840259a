"""Scopes of keys that are made while gateways run, held to what the settings have."""

from __future__ import annotations

from entrepot.errors import InvalidRequest, SettingsError
from entrepot.policy.scope import Scope
from entrepot.settings.keys import check_scope
from entrepot.settings.problems import Problems
from entrepot.settings.schema import Settings


def check_scope_against(settings: Settings | None, scope: Scope) -> None:
    """Raises InvalidRequest with what cannot be meant. Without settings routes and models are not looked at."""
    problems = Problems("scope", {})
    if settings is None:
        check_scope(Scope(addresses=scope.addresses), (), (), (), problems)
    else:
        check_scope(scope, (), settings.routes, settings.deployments, problems)
    try:
        problems.raise_any()
    except SettingsError as error:
        raise InvalidRequest(error.message, param="scope") from error
