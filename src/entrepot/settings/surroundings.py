"""What a settings file is resolved against."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import msgspec

from entrepot.catalog.lookup import Catalog


class Surroundings(msgspec.Struct, frozen=True):
    """The catalog, the environment, and the file's place: `directory` is absolute, `changed_on` a day (ISO 8601)."""

    catalog: Catalog
    environ: Mapping[str, str]
    directory: Path
    source: str
    changed_on: str
