"""Runs the `entrepot` command in a directory and an environment of the test's own."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from entrepot.cli.main import main


class Command:
    """`entrepot` as typed in `directory`, with no variables but HOME and those given."""

    def __init__(self, directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.directory = directory
        self._monkeypatch = monkeypatch

    def __call__(self, *words: str, environ: Mapping[str, str] | None = None) -> Result:
        """Run it; an exception that would be a traceback is raised."""
        wanted = {"HOME": str(self.directory), "COLUMNS": "160", **(environ or {})}
        for name in set(os.environ) - set(wanted):
            self._monkeypatch.delenv(name)
        for name, value in wanted.items():
            self._monkeypatch.setenv(name, value)
        self._monkeypatch.chdir(self.directory)
        result = CliRunner().invoke(main, words)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result
