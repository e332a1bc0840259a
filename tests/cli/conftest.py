"""What every test of the command line starts from."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.run import Command


@pytest.fixture
def entrepot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Command:
    """The command, in an empty directory and an empty environment."""
    return Command(tmp_path, monkeypatch)
