from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from entrepot.cli.tell_keys import tell, tell_all
from entrepot.control.sqlite import open_control
from entrepot.settings.discover import data_directory


@pytest.mark.parametrize("words", [("keys", "new", "web"), ("members", "new", "olga", "--role", "admin")])
@pytest.mark.parametrize("output", ["a pipe that nobody reads", "/dev/full"])
def test_a_key_that_nobody_could_read_is_not_made(tmp_path: Path, words: tuple[str, ...], output: str) -> None:
    environ = {**os.environ, "HOME": str(tmp_path)}
    for name in [name for name in environ if name.startswith(("XDG_", "ENTREPOT_"))]:
        del environ[name]
    if output == "/dev/full":
        writing = os.open(output, os.O_WRONLY)
    else:
        reading, writing = os.pipe()
        os.close(reading)
    try:
        command = [sys.executable, "-m", "entrepot", *words]
        ran = subprocess.run(
            command, stdout=writing, stderr=subprocess.PIPE, env=environ, cwd=tmp_path, timeout=60, check=False
        )
    finally:
        os.close(writing)
    assert ran.returncode != 0
    assert b"Traceback" not in ran.stderr
    store = open_control(data_directory({"HOME": str(tmp_path)}))
    try:
        kept = store.snapshot()
        assert (kept.keys, kept.members, store.changes()) == ((), (), ())
    finally:
        store.close()


def test_what_is_listed_is_told_also_where_there_is_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    tell_all([], ["name"], [], "there are none", False)
    tell_all([], ["name"], [], "there are none", True)
    tell_all([{"name": "[b]网站"}], ["name"], [["[b]网站"]], "there are none", False)
    tell({"name": "web"}, "deleted", False)
    said = capsys.readouterr().out
    assert said.startswith("there are none\n[]\n")
    assert "[b]网站" in said
    assert said.endswith("web: deleted\n")
