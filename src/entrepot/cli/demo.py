"""`entrepot demo`: the main job from end to end, on simulated providers, and what it came to."""

from __future__ import annotations

import json
import os
import secrets
import shlex
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import click
import msgspec
from rich.console import Console

from entrepot.app import running
from entrepot.catalog.load import load_catalog
from entrepot.cli import demo_report
from entrepot.cli.demo_generated import Figures, measure, settings_of
from entrepot.cli.demo_recorded import (
    POOLS,
    Source,
    contest,
    deployments_of,
    learn_router,
    plan_of,
    read_split,
    route_of,
)
from entrepot.cli.demo_recorded_report import preface, tabulate_contest
from entrepot.cli.demo_stage import KEY_VARIABLE, Stage, settings_for
from entrepot.reports.render import Table, render_json, render_terminal
from entrepot.routing.artifact import default_artifact_path, load_artifact
from entrepot.settings.client_key import ENTROPY_BYTES, make_key
from entrepot.simulator.bills import fetch_books, owed_nano_usd
from entrepot.simulator.cast import Cast, build_cast
from entrepot.simulator.contest import stated_nano_usd
from entrepot.simulator.process import simulator_process

NOT_WELL = 3
_FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)
_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command()
@click.option("--requests", type=click.IntRange(20, 20_000), default=600, show_default=True, help="How many to send.")
@click.option(
    "--outcomes", type=_FOLDER, help="Replay the recorded answers in this folder instead (needs entrepot[learn])."
)
@click.option(
    "--benchmark", type=click.Choice(tuple(POOLS)), default="zeroeval", help="Which recording in that folder."
)
@click.option(
    "--limit", type=click.IntRange(min=1), help="With --outcomes: replay so many prompts of the half at most."
)
@click.option("--learn-from", type=click.IntRange(min=50), help="With --outcomes: train on so many prompts at most.")
@click.option("--seed", type=int, default=1, show_default=True, help="Tasks, answers, halves and lots come from it.")
@click.option(
    "--port", type=click.IntRange(0, 65535), default=0, help="Where the gateway listens. Default: a free port."
)
@click.option(
    "--router", type=_FILE, help="Use this router. Default: the one that ships; with --outcomes, one trained anew."
)
@click.option(
    "--shipped-router", is_flag=True, help="With --outcomes: use the router that ships instead of training one."
)
@click.option("--exit", "leave", is_flag=True, help="End when the report is printed, instead of serving on.")
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON, and end.")
def demo(
    requests: int,
    outcomes: Path | None,
    benchmark: str,
    limit: int | None,
    learn_from: int | None,
    seed: int,
    port: int,
    router: Path | None,
    shipped_router: bool,
    leave: bool,
    as_json: bool,
) -> None:
    """Run the main job on simulated providers; print what it came to.

    Several hundred generated tasks go through the running gateway to stand-in providers on this machine; nothing leaves it
    and no API key is needed. With --outcomes, the stand-ins repeat what real models were recorded to answer.
    """
    if outcomes is None and (limit or learn_from or shipped_router):
        raise click.UsageError("--limit, --learn-from and --shipped-router go with --outcomes")
    if router is not None and shipped_router:
        raise click.UsageError("--router and --shipped-router both name the router; give one of them")
    if router is not None:
        load_artifact(router)  # what is no router is said before anything is started
    show = _Show(
        printed=Console(width=None if sys.stdout.isatty() else 120, highlight=False),
        aside=Console(stderr=True, highlight=False),
        as_json=as_json,
        serve_on=not (leave or as_json),
    )
    with _orderly_end(), tempfile.TemporaryDirectory(prefix="entrepot-demo-") as directory:
        key = make_key(secrets.token_bytes(ENTROPY_BYTES)).text
        stage = Stage(key, Path(directory), port, None if router is None else str(router.resolve()))
        if outcomes is None:
            well = _generated(show, stage, requests, seed)
        else:
            source = Source(outcomes, benchmark, seed, limit, learn_from)
            well = _recorded(show, stage, source, shipped=shipped_router)
    if not well:
        sys.exit(NOT_WELL)


@contextmanager
def _orderly_end() -> Iterator[None]:
    """Let SIGTERM unwind what was started, as Ctrl-C does, instead of leaving it behind."""

    def end(number: int, _frame: object) -> None:
        sys.exit(128 + number)

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


class _Show(msgspec.Struct, frozen=True, eq=False):
    """Where and how to print: the report, and what goes on meanwhile."""

    printed: Console
    aside: Console
    as_json: bool
    serve_on: bool


def _generated(show: _Show, stage: Stage, requests: int, seed: int) -> bool:
    """The demonstration on generated tasks; whether all went well."""
    catalog = load_catalog()
    provider_key = secrets.token_urlsafe(24)
    cast = build_cast(catalog, seed=seed, tasks=requests, key=provider_key)
    if not show.as_json:
        show.printed.print(demo_report.preface(requests, seed), markup=False)
        show.printed.print(render_terminal(demo_report.tabulate_cast(cast)))
    rates = catalog.exchange_rates
    with simulator_process(cast.plan) as places:
        settings = settings_of(stage, cast, places, rates, f"env:{KEY_VARIABLE}")
        with running(settings, {**os.environ, KEY_VARIABLE: provider_key}) as gateway:
            figures = measure(show.aside, stage, cast, places, gateway.base_url, rates)
            if show.as_json:
                click.echo(_document(cast, figures, seed))
            else:
                _print(show, demo_report.tables_of(figures))
            if show.serve_on:
                task = next(task for task in figures.tasks if task.family == "ticket" and task.language == "en")
                _serve_on(show.printed, gateway.base_url, stage, task.prompt)
    return figures.well


def _recorded(show: _Show, stage: Stage, source: Source, *, shipped: bool) -> bool:
    """The demonstration on recorded outcomes; whether all went well."""
    catalog = load_catalog()
    split = read_split(source)
    if stage.router is None and not shipped:
        path = stage.directory / "half.router"
        with show.aside.status("training a router on the other half of the prompts") as status:
            learn_router(split, catalog, path, lambda doing: status.update(f"training a router: {doing}"))
        stage = msgspec.structs.replace(stage, router=str(path))
    said = preface(split, load_artifact(Path(stage.router) if stage.router else default_artifact_path()).provenance)
    if not show.as_json:
        show.printed.print(said, markup=False)
    provider_key = secrets.token_urlsafe(24)
    with simulator_process(plan_of(split, source.directory, provider_key)) as places:
        deployments = deployments_of(split, catalog, places, f"env:{KEY_VARIABLE}")
        settings = settings_for(stage, deployments, (route_of(split, deployments),), catalog.exchange_rates)
        with running(settings, {**os.environ, KEY_VARIABLE: provider_key}) as gateway:
            entrants = tuple(contest(show.aside, stage, split, gateway.base_url, source.seed))
            billed = owed_nano_usd(fetch_books(places.url), catalog.exchange_rates.usd_per_cny)
            table = tabulate_contest(split, entrants, billed)
            if show.as_json:
                click.echo(render_json([table], simulated=True, how=said, prompts=len(split.prompts), seed=source.seed))
            else:
                _print(show, [table])
            if show.serve_on:
                _serve_on(show.printed, gateway.base_url, stage, split.prompts[0].text)
    answered = not any(entrant.quality.failed or entrant.unpriced for entrant in entrants)
    return answered and stated_nano_usd(entrants) == billed


def _print(show: _Show, tables: Iterable[Table]) -> None:
    for table in tables:
        show.printed.print(render_terminal(table))


def _document(cast: Cast, figures: Figures, seed: int) -> str:
    return render_json(
        [demo_report.tabulate_cast(cast), *demo_report.tables_of(figures)],
        simulated=True,
        how=demo_report.preface(len(figures.tasks), seed),
        requests=len(figures.tasks),
        seed=seed,
        interval_holds_measured_baseline=figures.covered,
        ledger_agrees_with_providers=figures.billed_nano_usd == figures.ledger_nano_usd,
    )


def _command() -> str:
    """How this installation's command can be typed here: make installs it beside the user's path."""
    if shutil.which("entrepot"):
        return "entrepot"
    return shlex.join([os.path.relpath(sys.executable), "-m", "entrepot"])


def _serve_on(console: Console, base_url: str, stage: Stage, prompt: str) -> None:
    """Say how to use the gateway, and keep it until somebody ends it."""
    body = json.dumps({"model": "auto", "messages": [{"role": "user", "content": prompt}]}, ensure_ascii=False)
    lines = (
        "",
        f"The gateway is still running, at {base_url}",
        f"Its key, gone when it stops: {stage.key}",
        "",
        f"curl -s {base_url}/chat/completions -H 'authorization: Bearer {stage.key}' "
        f"-H 'content-type: application/json' -d {shlex.quote(body)}",
        "",
        f"The report again, from another terminal: {_command()} report --ledger {stage.directory}",
        "Stop with Ctrl-C.",
    )
    for line in lines:
        console.print(line, markup=False, soft_wrap=True)
    ended: list[int] = []  # no Event: a handler that sets one may wait for the thread that it interrupts
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda caught, _: ended.append(caught))
    while not ended:
        time.sleep(0.1)
