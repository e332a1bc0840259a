"""[control] checked and resolved: where the admin API is, and who says who somebody is."""

from __future__ import annotations

from urllib.parse import urlsplit

import msgspec

from entrepot.settings.file import ControlTable, OidcTable
from entrepot.settings.lines import Path
from entrepot.settings.networks import resolve_listen_tls
from entrepot.settings.problems import Problems, quote
from entrepot.settings.schema import ControlSettings, OidcSettings
from entrepot.settings.secret import anchor_reference, check_reference
from entrepot.settings.surroundings import Surroundings

_THIS_MACHINE = frozenset({"127.0.0.1", "::1", "localhost"})


def resolve_control(table: ControlTable, around: Surroundings, problems: Problems) -> ControlSettings:
    """The settings of the control plane."""
    if table.public_url is not None:
        _check_address(table.public_url, ("control", "public_url"), problems)
    return ControlSettings(
        host=table.host.removeprefix("[").removesuffix("]"),
        port=table.port,
        session_s=table.session_hours * 3600,
        public_url=table.public_url,
        oidc=None if table.oidc is None else _resolve_oidc(table.oidc, around, problems),
        tls=resolve_listen_tls(table.tls, around.directory, ("control", "tls"), problems),
    )


def _resolve_oidc(table: OidcTable, around: Surroundings, problems: Problems) -> OidcSettings:
    path: Path = ("control", "oidc")
    _check_address(table.issuer, (*path, "issuer"), problems)
    secret = table.client_secret
    if secret is not None:
        if wrong := check_reference(secret):
            problems.add((*path, "client_secret"), wrong)
        else:
            secret = anchor_reference(secret, around.directory)
    if not (table.admin_groups or table.operator_groups or table.viewer_groups or table.teams):
        problems.add(path, "it lets nobody in: name admin_groups, operator_groups, viewer_groups or teams")
    given = {**msgspec.structs.asdict(table), "client_secret": secret, "teams": table.teams or {}}
    return OidcSettings(**given)


def _check_address(url: str, path: Path, problems: Problems) -> None:
    parts = urlsplit(url)
    local = parts.scheme == "http" and parts.hostname in _THIS_MACHINE
    if not parts.hostname or not (parts.scheme == "https" or local) or parts.query or parts.fragment:
        problems.add(path, f"{quote(url)} must begin with https://, or lead to this machine, and have no query")
