"""What holds for every test: sockets are blocked, data is found outside the project, a skip has a listed reason.

A test marked `sockets` or `end_to_end` may connect to loopback; nothing may connect to another machine. AF_UNIX is free
everywhere, because asyncio wakes its own loop with a pair of those. Processes that a test starts are beyond this
guard. The order of tests is random (pytest-randomly prints the seed; `-p no:randomly` keeps the order of the files).
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest

from tests.postgres_server import PostgresServer

# pytest finds hooks among a conftest's names.
from tests.skips import pytest_make_collect_report, pytest_runtest_makereport

__all__ = ["outcomes_dir", "project_dir", "pytest_make_collect_report", "pytest_runtest_makereport", "wire_dir"]

PROJECT = Path(__file__).parent.parent
# How long an example takes says more of the machine than of the code.
hypothesis.settings.register_profile("untimed", deadline=None)
hypothesis.settings.load_profile("untimed")

# What a command keeps where no settings say where is kept out of the home of whoever runs the tests.
_HOME = tempfile.TemporaryDirectory(prefix="entrepot-tests-")
os.environ["XDG_DATA_HOME"] = _HOME.name

# Tests run side by side and start processes: threads of the linear algebra in each would wait for one another, spinning.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

LOOPBACK = ["127.0.0.1", "::1", "localhost"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Open loopback to the tests that are marked for it."""
    for item in items:
        if item.get_closest_marker("sockets") or item.get_closest_marker("end_to_end"):
            item.add_marker(pytest.mark.allow_hosts(LOOPBACK))


@pytest.fixture(scope="session")
def project_dir() -> Path:
    """The project's root: where pyproject.toml is."""
    return PROJECT


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A running server, one for all tests of a process that want one; the test is skipped where none is installed."""
    with PostgresServer() as server:
        yield server


@pytest.fixture(scope="session")
def outcomes_dir() -> Path:
    """The folder of outcome matrices: $ENTREPOT_OUTCOMES, else ../shared/outcomes."""
    return _find_data("outcomes", "ENTREPOT_OUTCOMES")


@pytest.fixture(scope="session")
def wire_dir() -> Path:
    """The folder of recorded exchanges: $ENTREPOT_WIRE, else ../shared/wire."""
    return _find_data("wire", "ENTREPOT_WIRE")


def _find_data(name: str, variable: str) -> Path:
    named = os.environ.get(variable)
    folder = Path(named) if named else PROJECT.parent / "shared" / name
    if not folder.is_dir():
        pytest.skip(f"{name} data not found: {folder}")
    return folder
