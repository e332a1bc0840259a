"""`entrepot demo`: the main job from end to end, on simulated providers, and what it came to."""

from __future__ import annotations

import json
import os
import secrets
import shlex
import signal
import sys
import tempfile
import threading
from pathlib import Path

import click
from rich.console import Console

from entrepot.app import running
from entrepot.catalog.load import load_catalog
from entrepot.cli.demo_generated import Figures, measure, settings_of
from entrepot.cli.demo_report import preface, tables_of, tabulate_cast
from entrepot.cli.demo_stage import KEY_VARIABLE, Stage
from entrepot.reports.render import render_json, render_terminal
from entrepot.settings.client_key import ENTROPY_BYTES, make_key
from entrepot.simulator.cast import Cast, build_cast
from entrepot.simulator.process import simulator_process

NOT_WELL = 3


@click.command()
@click.option("--requests", type=click.IntRange(20, 20_000), default=600, show_default=True, help="How many to send.")
@click.option("--seed", type=int, default=1, show_default=True, help="Tasks, answers and their order come from it.")
@click.option(
    "--port", type=click.IntRange(0, 65535), default=0, help="Where the gateway listens. Default: a free port."
)
@click.option("--router", type=click.Path(exists=True, dir_okay=False), help="Another router than the one that ships.")
@click.option("--exit", "leave", is_flag=True, help="End when the report is printed, instead of serving on.")
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON, and end.")
def demo(requests: int, seed: int, port: int, router: str | None, leave: bool, as_json: bool) -> None:
    """Run the main job on simulated providers and print what it came to.

    Several hundred generated tasks go through the running gateway to stand-in providers on this machine; nothing leaves it
    and no API key is needed.
    """
    printed = Console(width=None if sys.stdout.isatty() else 120, highlight=False)
    aside = Console(stderr=True, highlight=False)
    catalog = load_catalog()
    provider_key = secrets.token_urlsafe(24)
    cast = build_cast(catalog, seed=seed, tasks=requests, key=provider_key)
    if not as_json:
        printed.print(preface(requests, seed), markup=False)
        printed.print(render_terminal(tabulate_cast(cast)))
    key = make_key(secrets.token_bytes(ENTROPY_BYTES)).text
    with tempfile.TemporaryDirectory(prefix="entrepot-demo-") as directory, simulator_process(cast.plan) as places:
        stage = Stage(key, Path(directory), port, router)
        settings = settings_of(stage, cast, places, catalog.exchange_rates, f"env:{KEY_VARIABLE}")
        with running(settings, {**os.environ, KEY_VARIABLE: provider_key}) as gateway:
            figures = measure(aside, stage, cast, places, gateway.base_url, catalog.exchange_rates)
            if as_json:
                click.echo(_document(cast, figures, seed))
            else:
                for table in tables_of(figures):
                    printed.print(render_terminal(table))
            if not (leave or as_json):
                _serve_on(printed, gateway.base_url, key, directory, figures)
    if not figures.well:
        sys.exit(NOT_WELL)


def _document(cast: Cast, figures: Figures, seed: int) -> str:
    return render_json(
        [tabulate_cast(cast), *tables_of(figures)],
        simulated=True,
        how=preface(len(figures.tasks), seed),
        requests=len(figures.tasks),
        seed=seed,
        interval_holds_measured_baseline=figures.covered,
        ledger_agrees_with_providers=figures.billed_nano_usd == figures.ledger_nano_usd,
    )


def _serve_on(console: Console, base_url: str, key: str, directory: str, figures: Figures) -> None:
    """Say how to use the gateway, and keep it until somebody ends it."""
    task = next(task for task in figures.tasks if task.family == "ticket" and task.language == "en")
    body = json.dumps({"model": "auto", "messages": [{"role": "user", "content": task.prompt}]}, ensure_ascii=False)
    lines = (
        "",
        f"The gateway is still running, at {base_url}",
        f"Its key, gone when it stops: {key}",
        "",
        f"curl -s {base_url}/chat/completions -H 'authorization: Bearer {key}' -H 'content-type: application/json' "
        f"-d {shlex.quote(body)}",
        "",
        f"The report again, from another terminal: entrepot report --ledger {directory}",
        "Stop with Ctrl-C.",
    )
    for line in lines:
        console.print(line, markup=False, soft_wrap=True)
    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())
    ended.wait()
