"""What every test of the control store starts from."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from entrepot.control.store import ControlStore
from tests.control.admin import Admin
from tests.control.books import a_store


@pytest.fixture
def store(tmp_path: Path) -> Iterator[ControlStore]:
    """An empty store in an empty directory."""
    with a_store(tmp_path) as opened:
        yield opened


@pytest.fixture
def admin(tmp_path: Path, store: ControlStore) -> Admin:
    """An admin API over an empty store, with one admin."""
    return Admin(tmp_path, store)
