"""Tests that what is tested is what is shipped."""

from __future__ import annotations

import os
import sysconfig
from importlib.metadata import distribution
from pathlib import Path

import pytest

import entrepot


@pytest.fixture
def installed() -> Path:
    """Where the wheel's package is installed."""
    if os.environ.get("PYTHONPATH"):
        pytest.skip("entrepot is imported from a source tree")
    return Path(sysconfig.get_path("purelib")) / "entrepot"


def test_the_tested_package_is_the_installed_wheel(installed: Path) -> None:
    assert Path(entrepot.__file__).parent == installed


def test_the_wheel_ships_every_source_file(installed: Path, project_dir: Path) -> None:
    source = project_dir / "src" / "entrepot"
    expected = {file.relative_to(source) for file in source.rglob("*") if file.is_file() and file.suffix != ".pyc"}
    shipped = {file.relative_to(installed) for file in installed.rglob("*") if file.is_file() and file.suffix != ".pyc"}
    assert shipped == expected


def test_the_wheel_is_typed_and_licensed(installed: Path) -> None:
    assert (installed / "py.typed").is_file()
    licence = distribution("entrepot").read_text("licenses/LICENSE") or ""
    assert "Apache License" in licence


def test_the_wheel_installs_nothing_beside_the_package(installed: Path) -> None:
    folders = {Path(str(file)).parts[0] for file in distribution("entrepot").files or []}
    assert folders == {"entrepot", f"entrepot-{entrepot.__version__}.dist-info", ".."}  # "..": bin/entrepot
