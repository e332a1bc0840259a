"""Tests of the command's root, as a process: what a shell sees."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.end_to_end


def run(*words: str, stdout: int = subprocess.PIPE, **environ: str) -> subprocess.CompletedProcess[bytes]:
    """The command in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "entrepot", *words],
        stdout=stdout,
        stderr=subprocess.PIPE,
        env={**os.environ, **environ},
        check=False,
        timeout=60,
    )


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_a_full_disk_is_told_in_a_line() -> None:
    with Path("/dev/full").open("wb") as full:
        done = run("keys", "new", "a", "--toml", stdout=full.fileno(), PYTHONUNBUFFERED="1")
    assert done.returncode == 1
    assert done.stderr == b"entrepot: No space left on device\n"


def test_names_in_any_script_are_shown_where_the_encoding_has_no_letters_for_them(tmp_path: Path) -> None:
    done = run("keys", "new", "财务", "--json", PYTHONIOENCODING="ascii", PYTHONUTF8="0", XDG_DATA_HOME=str(tmp_path))
    assert (done.returncode, done.stderr) == (0, b"")
    assert json.loads(done.stdout)["name"] == "财务"


def test_an_unknown_command_is_a_wrong_command_line() -> None:
    done = run("serve")
    assert done.returncode == 2
    assert b"No such command 'serve'" in done.stderr
