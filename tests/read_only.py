"""A file that cannot be written for a while, whoever tries."""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest


@contextlib.contextmanager
def read_only(path: Path) -> Iterator[None]:
    """Whoever opens the file meanwhile can only read it; the test skips where that cannot be brought about.

    Permissions do not keep root out, so for root the file is mounted over itself.
    """
    if os.geteuid() != 0:
        path.chmod(0o444)
        try:
            yield
        finally:
            path.chmod(0o644)
        return
    commands = (["mount", "--bind", str(path), str(path)], ["mount", "-o", "remount,bind,ro", str(path)])
    if not all(subprocess.run(command, capture_output=True, check=False).returncode == 0 for command in commands):
        pytest.skip("no small file system can be mounted: nor a file over itself")
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(path)], check=True)
