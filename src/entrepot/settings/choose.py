"""The settings that a command works with: the file's, or what is found where there is none."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from pathlib import Path

from entrepot.catalog.load import load_catalog
from entrepot.errors import SettingsError
from entrepot.settings.client_key import ENTROPY_BYTES
from entrepot.settings.discover import Discovery, discover
from entrepot.settings.load import find_settings_file, load_settings
from entrepot.settings.probe import probe
from entrepot.settings.schema import Settings


def find_settings(named: Path | None, environ: Mapping[str, str], working_directory: Path) -> Discovery:
    """The settings of the file, without findings; else what the environment and this machine offer."""
    path = find_settings_file(named, environ, working_directory)
    if path is not None:
        return Discovery(load_settings(path, environ), ())
    return discover(environ, probe, catalog=load_catalog(), entropy=secrets.token_bytes(ENTROPY_BYTES))


def require_settings(named: Path | None, environ: Mapping[str, str], working_directory: Path) -> Settings:
    """As `find_settings`, for commands that can do nothing without. Raises SettingsError with what to do."""
    found = find_settings(named, environ, working_directory)
    if found.settings is None:
        raise SettingsError("\n".join(found.findings))
    return found.settings
