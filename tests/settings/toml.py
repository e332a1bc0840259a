"""Settings files for tests: written, loaded against the small catalog, and what is said of a wrong one."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from entrepot.errors import SettingsError
from entrepot.settings.load import load_settings
from entrepot.settings.schema import Settings
from tests.settings.small_catalog import SMALL

ONE_DEPLOYMENT = """\
[[deployments]]
provider = "openai"
model = "gpt-large"
"""


def load(directory: Path, document: str, environ: Mapping[str, str] | None = None) -> Settings:
    """The settings of a file with this text."""
    path = directory / "entrepot.toml"
    path.write_text(document, encoding="utf-8")
    return load_settings(path, environ or {}, catalog=SMALL)


def refuse(directory: Path, document: str, environ: Mapping[str, str] | None = None) -> str:
    """What is said of a file with this text, which must be refused."""
    with pytest.raises(SettingsError) as refused:
        load(directory, document, environ)
    return refused.value.message
