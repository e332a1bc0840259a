"""Tests of what a newcomer is told before anything is installed."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest

from tools.make_venv import missing


def test_a_complete_python_lacks_nothing() -> None:
    assert missing() == ""


@pytest.mark.parametrize("module", ["venv", "ensurepip"])
def test_a_python_without_venv_is_told_what_to_install(monkeypatch: pytest.MonkeyPatch, module: str) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    assert "apt-get install python3-venv" in missing()


def test_an_old_python_is_told_which_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "version_info", (3, 9, 2))
    assert "Python 3.11 or later, and this is Python 3.9" in missing()


def test_an_old_python_can_read_the_file_that_tells_it(project_dir: Path) -> None:
    source = (project_dir / "tools" / "make_venv.py").read_text(encoding="utf-8")
    assert ast.parse(source, feature_version=(3, 7)).body
