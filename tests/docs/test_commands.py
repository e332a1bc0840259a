"""Tests of the command lines that the documents show: each is run here, or is listed with where it is run instead.

Even one that is not run here goes through the parser of `entrepot` or the list of make's targets, so that a renamed
command or option cannot stay in a document.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import click
import pytest

from entrepot.cli.main import main
from tests.docs.fences import find_commands
from tests.docs.test_docs import DOCUMENTS, PROJECT, find_sample_configs

COMMANDS = sorted({line for document in DOCUMENTS for line in find_commands(document.read_text(encoding="utf-8"))})

# Started here, beside the README's own entrepot.toml and with made-up keys; each must end with exit code 0.
RUN = [
    'entrepot explain "Prove that the square root of 2 is irrational."',
    "entrepot keys list",
    "entrepot keys new web-shop --team shop --route auto --expires 365d",
    "entrepot report",
    "entrepot report --json",
    "entrepot report --json --lang zh",
    "entrepot report savings --since 7d",
    "entrepot report spend --by team --by day --since 30d",
    "entrepot report share --by model --since 30d --against 60d..30d",
    "entrepot ledger content list",
    "entrepot report claims",
    "entrepot report spend --csv",
    "entrepot report spend --html spend.html",
    "entrepot report spend --html spend.html --language zh",
    "entrepot report spend --json",
    "entrepot report share --by team --by maker-country --since 2026-01-01 --until 2026-02-01",
]

TUTORIAL = "tests/docs/test_tutorial.py runs it, beside the examples"

# What is not run here -> why.
_TRIALS = (
    "tests/end_to_end/test_trial.py and test_trial_shadow.py run what it starts, tests/cli/test_trial.py the command"
)
_ROUTERS = "tests/cli/test_router.py runs it, tests/end_to_end/test_learning.py what it does"
ELSEWHERE = {
    "entrepot trial plan deepseek/deepseek-v4.1-flash --route auto": _TRIALS,
    "entrepot trial start deepseek/deepseek-v4.1-flash --route auto --name flash": _TRIALS,
    "entrepot trial status": _TRIALS,
    "entrepot trial stop flash": _TRIALS,
    "entrepot router list": _ROUTERS,
    "entrepot router status": _ROUTERS,
    'entrepot router back --why "answers became worse on Monday"': _ROUTERS,
    "cd examples/office": "is the reader's shell",
    'entrepot explain "Invoice 77: net EUR 100, VAT 25 %. What is the total? Reply with the number only."': TUTORIAL,
    "entrepot collect --prompts prompts.jsonl --deployments '*' --prices-out prices.csv --simulate --yes": TUTORIAL,
    "entrepot train --outcomes outcomes.jsonl --prompts outcomes.prompts.jsonl --out office.router": TUTORIAL,
    'entrepot explain --config promise.toml "合同总价为180万元，预付款为30%，应付多少万元？"': TUTORIAL,
    "make demo": "keeps the gateway running; .ci/run runs it with ARGS=--exit",
    "make demo ARGS=--exit": ".ci/run runs it",
    "make test": "is what runs this",
    "make check": ".ci/run runs each of its parts",
    'sqlite3 "file:entrepot-data/ledger.db?mode=ro"': "is a program of its own; tests/docs/test_ledger.py runs its queries",
    "make install": "make demo, which .ci/run runs, begins with it",
    "entrepot policy test examples/policies/personal-data.cases.toml --config examples/policies/personal-data.toml": (
        "reads files of the project; tests/docs/test_policies.py runs the cases of every example"
    ),
    "docker build -t entrepot .": "takes a container engine; tests/test_dockerfile.py does its steps",
    "docker run --read-only --cap-drop ALL -p 127.0.0.1:8080:8080 "
    '-v "$PWD/entrepot.toml:/etc/entrepot/entrepot.toml:ro" -v entrepot:/var/lib/entrepot -e OPENAI_API_KEY entrepot': (
        "takes a container engine; tests/test_dockerfile.py does its steps"
    ),
    "entrepot check": "reaches real providers; tests/cli tries it on stand-ins",
    "entrepot up": "serves until it is stopped; the end-to-end tests start it",
    **dict.fromkeys(
        (
            'entrepot keys new night-batch --route "batch*" --address 10.20.0.0/16',
            'entrepot keys new translator --model "qwen*" --request-tag 客户',
            "entrepot keys rotate web-shop --overlap 24h",
            "entrepot keys disable web-shop",
            "entrepot keys enable web-shop",
            "entrepot keys expire web-shop --at 2027-01-31",
            "entrepot keys delete web-shop",
        ),
        "needs a key or a route that is not there; tests/cli/test_keys.py lives through a key's life",
    ),
    **dict.fromkeys(
        (
            "entrepot scenario ban.toml",
            "entrepot scenario price-war.toml newcomer.toml --since 30d --json",
            "entrepot scenario --all-single-failures --html exit-plan.html",
        ),
        "needs a ledger of routed traffic; tests/cli/test_scenario.py makes one and runs it on the examples",
    ),
    **dict.fromkeys(
        (
            "entrepot outcomes import logs/2026-11-22_contracts.eval --outcomes contracts.jsonl --prompts prompts.jsonl",
            "entrepot outcomes import results.json",
            "entrepot outcomes import samples_gsm8k_2026-11-22T10-00-00.jsonl --model deepseek-v4.1-flash --metric exact_match",
            "entrepot outcomes sample --route letters --n 100 --since 30d --to sample.csv",
            "entrepot outcomes label sample.csv --by alice",
        ),
        "needs files of other tools; tests/docs/test_outcomes.py makes them and runs it",
    ),
    "cd examples/fleet": "is the reader's shell",
    **dict.fromkeys(
        ("docker compose up --build --detach", "docker compose exec gateway-1 entrepot keys new web"),
        "needs a container engine; tests/docs/test_fleet.py reads the composition, tests/end_to_end/test_fleet.py is one",
    ),
    "pip install 'entrepot[content]'": "asks a registry; tests/test_wheel.py looks at what the extras are",
    "entrepot ledger export finetune --for finetune --route support --since 30d": (
        "needs words that were kept; tests/cli/test_content.py keeps some and exports them"
    ),
    "PYTHONPATH=src .venv-dev/bin/python -m pytest tests/routing/test_utility.py": "runs tests within tests",
}


def is_setup(line: str) -> bool:
    """Whether a line only sets variables of the reader's shell."""
    return line.startswith("export ")


@pytest.mark.parametrize("line", [line for line in COMMANDS if not is_setup(line)])
def test_a_command_is_run_here_or_listed_with_a_reason(line: str) -> None:
    assert (line in RUN) != bool(ELSEWHERE.get(line))


def test_nothing_is_listed_that_no_document_shows() -> None:
    assert {*RUN, *ELSEWHERE} <= set(COMMANDS)


@pytest.mark.parametrize("line", [line for line in COMMANDS if line.startswith("make ")])
def test_a_make_target_exists(line: str) -> None:
    targets = re.findall(r"^([a-z-]+):.*## ", (PROJECT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    assert shlex.split(line)[1] in targets


@pytest.mark.parametrize(
    "line", [line for line in COMMANDS if line.startswith("entrepot ") and ELSEWHERE.get(line) != TUTORIAL]
)
def test_the_command_line_is_understood(line: str) -> None:
    command: click.Command | None = main
    words = shlex.split(line)[1:]
    while isinstance(command, click.Group):
        name = words.pop(0)
        command = command.get_command(click.Context(command), name)
    assert command is not None, f"there is no command '{name}'"
    command.make_context(name, words)


@pytest.mark.parametrize("line", [line for line in COMMANDS if is_setup(line)])
def test_a_shell_can_read_what_is_to_be_set(line: str) -> None:
    subprocess.run(["sh", "-n", "-c", line], check=True)


@pytest.fixture
def as_the_readme_says(tmp_path: Path) -> Path:
    """A folder with the README's own entrepot.toml in it."""
    configs = [text for where, text in find_sample_configs() if where.startswith("README.md-")]
    assert len(configs) == 1
    (tmp_path / "entrepot.toml").write_text(configs[0], encoding="utf-8")
    return tmp_path


@pytest.mark.end_to_end
@pytest.mark.parametrize("line", RUN)
def test_a_command_of_the_readme_runs(as_the_readme_says: Path, line: str) -> None:
    secrets = dict.fromkeys(("DEEPSEEK_API_KEY", "OPENAI_API_KEY", "ENTREPOT_SUPPORT_KEY"), "made-up")
    done = subprocess.run(
        [sys.executable, "-m", "entrepot", *shlex.split(line)[1:]],
        cwd=as_the_readme_says,
        env={**os.environ, **secrets, "ENTREPOT_KEY": "another"},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
