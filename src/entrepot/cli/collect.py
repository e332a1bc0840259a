"""`entrepot collect`: your own prompts asked of each deployment, graded, and turned into outcomes that a router learns from."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import click
import msgspec
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bar

from entrepot.assembly import asking
from entrepot.catalog.pricing import format_usd
from entrepot.cli.collect_report import render_values
from entrepot.cli.collect_stage import SIMULATED, Stage, check_apart, check_one_each, find_key, set_stage, simulated
from entrepot.control.in_force import read_in_force
from entrepot.errors import DataError, SettingsError
from entrepot.learning.collect import Collector, Patience, Progress, Purse
from entrepot.learning.collection import Agenda, Collected, collect, draw_up, price_rows, prompt_rows
from entrepot.learning.grading import How, check_gradable
from entrepot.learning.journal import Journal
from entrepot.learning.outcome_rows import check_ending, write_prices, write_rows
from entrepot.learning.prompt_lines import read_prompt_lines
from entrepot.settings.choose import require_settings
from entrepot.settings.schema import KeySettings

MISSING = 3
TAG = "collect"

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_OUT = click.Path(dir_okay=False, path_type=Path)


class _Files(msgspec.Struct, frozen=True):
    """Where everything is written."""

    outcomes: Path
    prompts: Path
    journal: Path
    prices: Path | None


@click.command("collect")
@click.option("--prompts", "prompts_file", required=True, type=_FILE, help="Your prompts, as JSON Lines.")
@click.option("--deployments", multiple=True, required=True, metavar="ID,ID…",
              help="Whom to ask: deployment ids or patterns such as deepseek/*.")  # fmt: skip
@click.option("--grade", "how", type=click.Choice(["exact", "check", "judge"]), default="exact", show_default=True,
              help="By answer key, by check, or by judges.")  # fmt: skip
@click.option("--judge", "judges", multiple=True, metavar="ID,ID…", help="Deployments that judge, with --grade judge.")
@click.option(
    "--reference", metavar="ID", help="What the others are compared with; by default the first route's reference."
)
@click.option(
    "--out", type=_OUT, default=Path("outcomes.jsonl"), show_default=True, help="Outcomes: .jsonl or .parquet."
)
@click.option("--prompts-out", type=_OUT, help="The prompts as train reads them; by default beside the outcomes.")
@click.option("--prices-out", type=_OUT, help="Prices as evaluate reads them: CSV, made of what was really billed.")
@click.option("--journal", type=_OUT, help="What there is so far; by default beside the outcomes.")
@click.option("--as", "as_key", metavar="KEY", help="Ask as this key, by its name in the settings.")
@click.option("--tag", "tags", multiple=True, help="A tag besides 'collect', which every call carries.")
@click.option("--max-output-tokens", type=click.IntRange(min=1), help="The longest answer.")
@click.option(
    "--max-cost-usd", type=click.FloatRange(min=0, min_open=True), help="Stop before more than this is spent."
)
@click.option(
    "--concurrency", type=click.IntRange(1, 256), default=4, show_default=True, help="Calls to one deployment at once."
)
@click.option(
    "--retries", type=click.IntRange(0, 20), default=4, show_default=True, help="How often a failed call is made again."
)
@click.option(
    "--confidence", type=click.FloatRange(0.5, 0.999), default=0.95, show_default=True, help="Of every interval."
)
@click.option("--seed", default=0, help="Chance: the lots of judging.")
@click.option("--simulate", is_flag=True, help="Stand-ins on this machine answer; they know the answer keys, and slip.")
@click.option("--yes", is_flag=True, help="Do not ask before spending.")
@click.option("--config", type=click.Path(path_type=Path), help="The settings file. Default: entrepot.toml here.")
@click.option("--json", "as_json", is_flag=True, help="Print the values as JSON.")
def collect_command(
    prompts_file: Path,
    deployments: tuple[str, ...],
    how: How,
    judges: tuple[str, ...],
    reference: str | None,
    out: Path,
    prompts_out: Path | None,
    prices_out: Path | None,
    journal: Path | None,
    as_key: str | None,
    tags: tuple[str, ...],
    max_output_tokens: int | None,
    max_cost_usd: float | None,
    concurrency: int,
    retries: int,
    confidence: float,
    seed: int,
    simulate: bool,
    yes: bool,
    config: Path | None,
    as_json: bool,
) -> None:
    """Ask deployments your own prompts and grade the answers.

    Writes outcomes that a router learns from, and prints what each deployment is worth.

    Run it again to go on where it ended, however it ended: what was answered is not asked again.

    Exit code: 0 every prompt has an outcome from every deployment, 3 some are missing.
    """
    files = _name_files(prompts_file, out, prompts_out, journal, prices_out, simulate=simulate)
    prompts = read_prompt_lines(prompts_file)
    check_gradable(prompts, how, str(prompts_file))
    settings = read_in_force(require_settings(config, os.environ, Path.cwd()))
    stage = set_stage(
        settings, prompts, how, deployments, judges, reference, max_output_tokens, seed, prompts_file.stem
    )
    if prices_out is not None:
        check_one_each(stage.intent.deployments)
    key = find_key(as_key, settings)
    console = Console(stderr=True, highlight=False)
    run = _Run(console, str(prompts_file), concurrency, retries, max_cost_usd, yes, frozenset({TAG, *tags}))
    with contextlib.ExitStack() as stack:
        if simulate:
            stage = stack.enter_context(simulated(stage))
            console.print(SIMULATED, markup=False, soft_wrap=True)
        found = _ask(run, stage, stack.enter_context(Journal(files.journal)), key, files)
    click.echo(render_values(stage, found, confidence, as_json=as_json, simulated=simulate))
    told = ", ".join(str(path) for path in (files.outcomes, files.prompts, files.prices) if path)
    click.echo(f"wrote {told}", err=True)
    sys.exit(MISSING if found.troubles or found.out_of_money else 0)


def _name_files(
    prompts_file: Path,
    out: Path,
    prompts_out: Path | None,
    journal: Path | None,
    prices_out: Path | None,
    *,
    simulate: bool,
) -> _Files:
    """What is not named lies beside the outcomes. Raises DataError where two are one, or an ending means nothing."""
    beside = out.with_suffix(f".prompts{out.suffix}")
    journal = journal or out.with_suffix(".simulated.jsonl" if simulate else ".journal.jsonl")
    files = _Files(out, prompts_out or beside, journal, prices_out)
    check_apart(prompts_file, *msgspec.structs.astuple(files))
    for path in (files.outcomes, files.prompts):
        check_ending(path)
    return files


def _ask(run: _Run, stage: Stage, journal: Journal, key: KeySettings, files: _Files) -> Collected:
    """Ask, grade, and write what came of it. Ends the program where it is interrupted."""
    try:
        agenda, found = asyncio.run(run.collect(stage, journal, key))
    except KeyboardInterrupt:
        run.console.print(f"stopped; the same command goes on with what is in {files.journal}", markup=False)
        sys.exit(1)
    _write(files, stage, agenda, found)
    return found


class _Run(msgspec.Struct, frozen=True, eq=False):
    """How it is asked: at most so many calls to one deployment at once, so often again, for so much, asked about first or not."""

    console: Console
    prompts_file: str
    concurrency: int
    retries: int
    max_cost_usd: float | None
    yes: bool
    tags: frozenset[str]

    async def collect(self, stage: Stage, journal: Journal, key: KeySettings) -> tuple[Agenda, Collected]:
        """Say what it will cost, ask, grade."""
        limit = None if self.max_cost_usd is None else round(self.max_cost_usd * 1e9)
        purse = Purse(limit, journal.records)
        forecast = stage.forecast()
        async with asking(stage.settings, key, self.tags) as asker:
            agenda = draw_up(stage.intent, journal, asker, forecast, self.prompts_file)
            self._announce(agenda, purse)
            with self._progress() as told:
                collector = Collector(
                    asker,
                    journal,
                    purse,
                    concurrency=self.concurrency,
                    patience=Patience(retries=self.retries),
                    told=told,
                    seed=stage.intent.seed,
                )
                return agenda, await collect(stage.intent, agenda, journal, collector, forecast, stage.name)

    def _announce(self, agenda: Agenda, purse: Purse) -> None:
        """What is left to do and what it will cost; asks whether to go on, unless told not to ask."""
        lines = [f"{len(agenda.errands):,} answers to ask for, about {_usd(agenda.estimate_nano_usd)}"]
        if agenda.judging_nano_usd:
            lines[0] += f", of it {_usd(agenda.judging_nano_usd)} for judging"
        if agenda.unpriced:
            lines.append(f"{agenda.unpriced:,} of them at a price that is not known")
        if agenda.answered:
            lines.append(
                f"{len(agenda.answered):,} are there already; {_usd(purse.spent_nano_usd)} was spent on what the journal holds"
            )
        if self.max_cost_usd is not None:
            lines.append(
                f"it stops before {_usd(round(self.max_cost_usd * 1e9))} are spent, with what the journal holds"
            )
        for line in (*lines, *_forbidden(agenda)):
            self.console.print(line, markup=False, soft_wrap=True)
        if not agenda.errands or self.yes:
            return
        if not sys.stdin.isatty():
            raise SettingsError(
                "nobody is here to say whether to spend that: add --yes, and --max-cost-usd for a limit"
            )
        click.confirm("Go on?", abort=True, err=True)

    @contextlib.contextmanager
    def _progress(self) -> Iterator[Callable[[Progress], None]]:
        """A bar on a terminal; elsewhere a line at each tenth."""
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        with Bar(*columns, console=self.console, disable=not self.console.is_terminal) as bar:
            task = bar.add_task("asking", total=None)
            tenths = -1

            def told(now: Progress) -> None:
                nonlocal tenths
                said = f"asking, {_usd(now.spent_nano_usd)} spent"
                if now.troubled:
                    said += f", {now.troubled} without an answer"
                bar.update(task, description=said, completed=now.done, total=now.total)
                reached = 10 * now.done // max(1, now.total)
                if not self.console.is_terminal and now.total and reached != tenths:
                    tenths = reached
                    self.console.print(f"{said}: {now.done} of {now.total}", markup=False)

            yield told


def _forbidden(agenda: Agenda) -> list[str]:
    """What the rules keep from being asked: each deployment and reason once."""
    counts: dict[tuple[str, str], int] = {}
    for trouble in agenda.forbidden:
        what = trouble.reason if trouble.rule is None else f"the rule '{trouble.rule}' forbids it"
        counts[trouble.deployment, what] = counts.get((trouble.deployment, what), 0) + 1
    return [
        f"{deployment} is not asked {count:,} of the prompts: {what}" for (deployment, what), count in counts.items()
    ]


def _write(files: _Files, stage: Stage, agenda: Agenda, found: Collected) -> None:
    if not found.rows:
        raise DataError(
            "no answer came, so there is nothing to write: " + (found.troubles[0].reason if found.troubles else "")
        )
    write_rows(found.rows, files.outcomes)
    write_rows(prompt_rows(stage.intent, agenda.views, stage.name), files.prompts)
    if files.prices is not None:
        write_prices(price_rows(found.rows, agenda.views, stage.forecast()), files.prices)


def _usd(nano_usd: int) -> str:
    return f"${format_usd(nano_usd, 4)}"
