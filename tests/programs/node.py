"""Programs that npm installed (`make programs`): where they are, and how they are run without a network."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

MODULES = Path(__file__).parent / "node_modules"
NOWHERE = "http://127.0.0.1:9"
"""A proxy that does not answer: whatever is not for loopback goes there and no farther."""


def program(name: str) -> list[str]:
    """The command that runs an installed program, on the Node that was installed with it. Skips if there is none."""
    script = MODULES / ".bin" / name
    if not script.exists():
        pytest.skip(f"programs of npm are not installed: {name}; run 'make programs'")
    if script.resolve().suffix not in (".js", ".cjs"):
        return [str(script)]
    own = MODULES / ".bin" / "node"
    node = str(own) if own.exists() else shutil.which("node")
    if node is None:
        pytest.skip(f"programs of npm are not installed: {name} needs Node; run 'make programs'")
    return [node, str(script.resolve())]


def native(package: str, file: str) -> list[str]:
    """A program that a platform's own package of npm holds, such as `claude`. Skips if there is none."""
    found = sorted(MODULES.glob(f"{package}-*/{file}"))
    if not found:
        pytest.skip(f"programs of npm are not installed: {package}; run 'make programs'")
    return [str(found[0])]


def offline(home: Path, **more: str) -> dict[str, str]:
    """An environment in which a program finds nothing of the user's and reaches nothing but loopback."""
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "TMPDIR": str(home),
        "LANG": "C.UTF-8",
        **dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"), NOWHERE),
        "NO_PROXY": "127.0.0.1,localhost",
        "no_proxy": "127.0.0.1,localhost",
        **more,
    }


def run(command: list[str], environ: Mapping[str, str], directory: Path, timeout_s: float = 90) -> str:
    """Run to the end; the standard output. Fails with all that was said if the program fails."""
    done = subprocess.run(
        command,
        env=environ,
        cwd=directory,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
    )
    assert done.returncode == 0, f"{command[0]} ended with {done.returncode}:\n{done.stdout}\n{done.stderr}"
    return done.stdout
