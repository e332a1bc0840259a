"""The tutorial, run as it stands: from a clone's examples to a promise, and what it quotes is what is said."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from entrepot.settings.load import load_settings
from tests.docs.fences import find_commands, find_fences
from tests.docs.test_docs import PROJECT, read

OFFICE = PROJECT / "examples" / "office"
PAGES = ("docs/tutorial.md", "docs/tutorial.zh.md")
COMMANDS = [line for line in find_commands(read(PAGES[0])) if line.startswith("entrepot ")]


def run(folder: Path, line: str) -> str:
    """What a command line says on standard output; it must do well."""
    done = subprocess.run(
        [sys.executable, "-m", "entrepot", *shlex.split(line)[1:]],
        cwd=folder,
        env={**os.environ, "COLUMNS": "100"},
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def plain(text: str) -> str:
    """Without what differs from day to day and from terminal to terminal."""
    return re.sub(r"\s+", " ", re.sub(r"\d{4}-\d{2}-\d{2}", "DAY", text)).strip()


@pytest.mark.end_to_end
def test_from_a_clone_to_a_promise(tmp_path: Path) -> None:
    office = tmp_path / "office"
    shutil.copytree(OFFICE, office)
    said = plain("\n".join(run(office, line) for line in COMMANDS))
    strict = (office / "promise.toml").read_text("utf-8").replace("max_loss = 0.20", "max_loss = 0.02")
    (office / "strict.toml").write_text(strict, "utf-8")
    refused = plain(run(office, 'entrepot explain --config strict.toml "合同何时到期？"'))
    assert "openai/gpt-6.1-sol, the reference, is taken because nothing can be promised of the others" in refused
    for page in PAGES:
        quoted = [
            line for fence in find_fences(read(page)) if fence.language == "text" for line in fence.text.splitlines()
        ]
        assert len(quoted) >= 8
        assert [line for line in quoted if plain(line) not in f"{said} {refused}"] == []
    assert "To promise 5 points takes at least 91 prompts, 2 points 230, even if nothing is lost." in said


def test_both_tutorials_show_the_same_commands_settings_and_output() -> None:
    english, chinese = (find_fences(read(page)) for page in PAGES)
    assert chinese == english


def test_the_settings_shown_are_those_of_the_example() -> None:
    shown = next(fence.text for fence in find_fences(read(PAGES[0])) if fence.language == "toml")
    for part in shown.split("\n\n"):
        assert part.strip() in (OFFICE / "promise.toml").read_text("utf-8")


def test_the_examples_settings_load_and_differ_in_the_promise_alone(tmp_path: Path) -> None:
    secrets = {"OPENAI_API_KEY": "x", "DEEPSEEK_API_KEY": "y"}
    shutil.copytree(OFFICE, tmp_path, dirs_exist_ok=True)
    (tmp_path / "office.router").write_bytes(b"")
    before, after = (load_settings(tmp_path / name, secrets) for name in ("entrepot.toml", "promise.toml"))
    assert before.warnings == after.warnings == ()
    assert len(before.deployments) == 3
    assert after.deployments == before.deployments
    assert after.router == str(tmp_path / "office.router")
    assert (after.routes[0].goal.max_loss, after.routes[0].goal.confidence) == (0.2, 0.95)
    assert before.routes[0].goal.confidence is None
