"""`entrepot evaluate`: what routing would have cost, and how good it would have been, on prompts it never learned from."""

from __future__ import annotations

import os
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import click
import msgspec
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from entrepot.catalog.load import load_catalog
from entrepot.cli.several import SeveralValues
from entrepot.errors import DataError
from entrepot.learning.choices import write_choices
from entrepot.learning.evaluate import Task, evaluate, pick_reference
from entrepot.learning.evaluation import Evaluation
from entrepot.learning.frozen import TARGETS
from entrepot.learning.outcome_rows import check_ending
from entrepot.learning.outcomes import Dataset, read_dataset, read_prices
from entrepot.learning.plot import draw_curves
from entrepot.learning.pool import build_pool
from entrepot.learning.train import names_and_scores

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_OUT = click.Path(dir_okay=False, path_type=Path)
_STEPS = 12


@click.command("evaluate", cls=SeveralValues)
@click.option("--train", "train_files", multiple=True, required=True, type=_FILE, help="Outcomes to learn from.")
@click.option("--test", "test_files", multiple=True, required=True, type=_FILE, help="Outcomes to measure on.")
@click.option("--prompts", "prompt_files", multiple=True, required=True, type=_FILE, help="The prompts of both.")
@click.option("--prices", required=True, type=_FILE, help="CSV: model, input_usd_per_mtok, output_usd_per_mtok.")
@click.option("--models", multiple=True, metavar="MODEL,MODEL…",
              help="Candidates; by default all that have a price and answered every prompt.")  # fmt: skip
@click.option("--reference", help="The model to measure against; by default the best one on the prompts learned from.")
@click.option("--new-model", "new_model", metavar="NAME", help="Hold this model's outcomes back, but for --labels.")
@click.option("--labels", type=click.IntRange(min=0), default=0, help="Outcomes of --new-model to learn from.")
@click.option("--choices", "choices_file", type=_OUT, help="Write what `auto` asks and accepts: .jsonl or .parquet.")
@click.option("--plot", "plot_file", type=_OUT, help="Draw the cost-quality curves to this SVG file.")
@click.option("--processes", type=click.IntRange(min=1), help="How many to use; by default one a core.")
@click.option("--seed", default=0, help="Chance: folds, bootstraps and redraws.")
@click.option("--json", "as_json", is_flag=True, help="Print the figures as JSON.")
def evaluate_command(
    train_files: tuple[Path, ...],
    test_files: tuple[Path, ...],
    prompt_files: tuple[Path, ...],
    prices: Path,
    models: tuple[str, ...],
    reference: str | None,
    new_model: str | None,
    labels: int,
    choices_file: Path | None,
    plot_file: Path | None,
    processes: int | None,
    seed: int,
    as_json: bool,
) -> None:
    """Measure routing on prompts that it never learned from."""
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # processes share the cores, threads inside them would fight
    if choices_file:
        check_ending(choices_file)
    if new_model is not None and new_model == reference:
        raise DataError(
            f"'{reference}' cannot be both the reference and the new model: knobs are chosen against the reference on the "
            "prompts learned from, where the new model's outcomes are held back; name another --reference"
        )
    listed = read_prices(prices)
    learned = read_dataset(train_files, prompt_files).answered()
    held_out = read_dataset(test_files, prompt_files, graded=False).answered()
    known = len(set(learned.prompt_ids) & set(held_out.prompt_ids))
    if known:
        click.echo(f"{known:,} of the prompts to measure on are learned from: what is found of them flatters", err=True)
    names = [name.strip() for text in models for name in text.split(",") if name.strip()]
    names = names or _everyones(learned, held_out, set(listed))
    # a new model comes last, so that the others keep their numbers
    others = [name for name in names if name != new_model]
    names = others if new_model is None else [*others, new_model]
    if new_model is not None:
        learned = learned.held_back(new_model, labels, seed)
    train, test = build_pool(learned, others, listed), build_pool(held_out, names, listed)
    aliases, by_id = names_and_scores(load_catalog(), learned.outcomes.models + tuple(names))
    scores = {name: by_id[aliases.get(name, name)] for name in (*learned.outcomes.models, *names)
              if aliases.get(name, name) in by_id}  # fmt: skip
    task = Task(learned, train, test, pick_reference(train, reference), seed, scores)
    with (
        _progress() as progress,
        ProcessPoolExecutor(processes or os.cpu_count(), mp_context=get_context("spawn")) as executor,
    ):
        bar = progress.add_task("reading", total=_STEPS)
        found, choices = evaluate(task, executor, lambda doing: progress.update(bar, description=doing, advance=1))
    if choices_file:
        write_choices(choices, choices_file)
    if found is None:
        if not choices_file:
            raise DataError("the test does not say what is right, so nothing can be measured: name --choices FILE")
        click.echo(f"the test does not say what is right: only {choices_file} was written", err=True)
        return
    if plot_file:
        plot_file.write_text(draw_curves(found), encoding="utf-8")
    if as_json:
        click.echo(msgspec.json.encode(found).decode())
    else:
        _print(Console(), found)


def _everyones(learned: Dataset, held_out: Dataset, priced: set[str]) -> list[str]:
    """Models with a price that answered every prompt of both that has any outcome."""
    found = []
    for name in learned.outcomes.models:
        if name in priced and name in held_out.outcomes.models:
            answered = [
                len(set(data.outcomes.prompt[data.outcomes.model == data.outcomes.models.index(name)].tolist()))
                == len(set(data.outcomes.prompt.tolist()))
                for data in (learned, held_out)
            ]
            if all(answered):
                found.append(name)
    if len(found) < 2:
        raise DataError("fewer than two models with a price answered every prompt: name some with --models")
    return found


def _progress() -> Progress:
    console = Console(stderr=True)
    return Progress(
        TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn(), console=console, transient=True,
        disable=not console.is_terminal,
    )  # fmt: skip


def _print(console: Console, found: Evaluation) -> None:
    console.print(
        f"{found.prompts:,} prompts; reference {found.reference.model}: {found.reference.quality:.1%} right at "
        f"{found.reference.cost_usd_per_1k:.4g} USD per 1,000; oracle {found.oracle.quality:.1%} at "
        f"{found.oracle.cost_usd_per_1k:.4g}"
    )
    table = Table(title="Parts of the reference's quality at parts of its cost, at knobs chosen before the test")
    table.add_column("strategy")
    for target in TARGETS:
        table.add_column(f"for {target:.0%}", justify="right")
    table.add_column("oracle gap closed", justify="right")
    table.add_column("calibration error", justify="right")
    for one in found.strategies:
        cells = [f"{one.frozen[f'{t:.2f}'].quality:.1%} at {one.frozen[f'{t:.2f}'].cost_ratio:.0%}" for t in TARGETS]
        gap = "" if one.oracle_gap_closed is None else f"{one.oracle_gap_closed:.1%}"
        if one.oracle_gap_interval is not None:
            gap += f" ({one.oracle_gap_interval[0]:.0%} to {one.oracle_gap_interval[1]:.0%})"
        table.add_row(one.name, *cells, gap, "" if one.ece is None else f"{one.ece:.3f}")
    console.print(table)
    floor = Table(title="The floor, over redraws of the calibration prompts")
    for name in ("max loss", "prompts", "broken", "left the reference", "of what was possible"):
        floor.add_column(name, justify="right")
    for row in found.floor:
        possible = row.cheap_share / row.clairvoyant_share if row.clairvoyant_share else 0.0
        floor.add_row(
            f"{row.max_loss:.0%}", f"{row.calibration_prompts:,}", f"{row.broken:.1%}", f"{row.cheap_share:.1%}",
            f"{possible:.0%}",
        )  # fmt: skip
    console.print(floor)
    console.print(
        f"a decision took {found.decision_ms['p50']:.2f} ms (median), {found.decision_ms['p99']:.2f} ms (p99)"
    )
