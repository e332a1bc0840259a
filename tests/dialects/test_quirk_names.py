"""A quirk has one name: what a dialect declares it reads, and what the catalog declares its provider's dialect knows."""

from __future__ import annotations

from pathlib import Path

import pytest

from entrepot import dialects
from entrepot.catalog.load import load_catalog
from entrepot.dialects.registry import PROVIDER_DIALECTS


@pytest.mark.parametrize("name", sorted(PROVIDER_DIALECTS))
def test_a_dialect_reads_every_quirk_that_it_declares(name: str) -> None:
    package = Path(dialects.__file__).parent / name.replace("-", "_")
    source = "".join(file.read_text("utf-8") for file in package.glob("*.py") if file.name != "quirks.py")
    quirks = PROVIDER_DIALECTS[name].quirks
    assert [quirk for quirk in quirks if f'"{quirk}"' not in source] == []
    assert all(quirks.values())


def test_every_quirk_of_the_catalog_is_one_of_its_providers_dialect() -> None:
    for provider in load_catalog().providers:
        if provider.dialect in PROVIDER_DIALECTS:
            assert set(provider.quirks) <= PROVIDER_DIALECTS[provider.dialect].quirks.keys(), provider.id
