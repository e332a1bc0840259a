"""`entrepot train`: outcomes in, a router out, and figures that say how good it is."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import click
import msgspec
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from entrepot.catalog.load import Catalog, load_catalog
from entrepot.cli.several import SeveralValues
from entrepot.errors import DataError
from entrepot.learning.adapt import FEW_PROMPTS
from entrepot.learning.outcomes import Dataset, ListPrice, read_dataset, read_prices, read_scores
from entrepot.learning.pool import build_pool
from entrepot.learning.replay import Report, evaluate
from entrepot.learning.sample import MOST_PROMPTS
from entrepot.learning.train import Prior, Trained, names_and_scores, save_artifact, train
from entrepot.routing.artifact import default_artifact_path, load_artifact
from entrepot.routing.base import ModelFacts, Router
from entrepot.routing.embedder import Embedder, load_embedder

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
Step = Callable[[str], None]


class _Half(msgspec.Struct, frozen=True):
    """One held-out evaluation: trained on one half of the prompts, measured on the other."""

    seed: int
    reports: tuple[Report, ...]


@click.command("train", cls=SeveralValues)
@click.option(
    "--outcomes", "outcome_files", multiple=True, required=True, type=_FILE, help="Outcomes: Parquet or JSON Lines."
)
@click.option("--prompts", "prompt_files", multiple=True, required=True, type=_FILE, help="Their prompts.")
@click.option(
    "--scores", type=_FILE, help="More published scores than the catalog has, as CSV: model, benchmark, score."
)
@click.option("--window", default="undated", help="The dates of the outcomes, e.g. 2024-07..2024-11.")
@click.option("--source", "sources", multiple=True, help="Where the outcomes come from, for the provenance.")
@click.option("--calibrate", "calibration_files", multiple=True, type=_FILE,
              help="Outcomes that promises are tested on, and nothing is learned from.")  # fmt: skip
@click.option("--from", "start", metavar="FILE",
              help=f"Let this router take the outcomes in, or 'shipped', or 'none' to fit a new one; by default the one that "
              f"ships below {FEW_PROMPTS} prompts.")  # fmt: skip
@click.option("--last", default=MOST_PROMPTS, show_default=True, type=click.IntRange(1, 20_000),
              help="Test promises on so many of the newest prompts.")  # fmt: skip
@click.option("--promises/--no-promises", default=True,
              help="Keep outcomes for promises; without, the router is a prior for other traffic.")  # fmt: skip
@click.option("--embedder", metavar="NAME",
              help="Let an installed package's embedding model join the features; the router needs it from then on.")  # fmt: skip
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="Write the router to this file.")
@click.option("--half", "halves", multiple=True, type=int, metavar="SEED",
              help="Also train on a random half of the prompts and measure on the other. Needs --prices and --pool.")  # fmt: skip
@click.option("--prices", type=_FILE, help="List prices as CSV: model, input_usd_per_mtok, output_usd_per_mtok.")
@click.option("--pool", "pools", multiple=True, metavar="MODEL,MODEL…", help="Candidates to choose among, for --half.")
@click.option("--seed", default=0, help="Chance: the folds and the random projection.")
@click.option("--json", "as_json", is_flag=True, help="Print the figures as JSON.")
def train_command(
    outcome_files: tuple[Path, ...],
    prompt_files: tuple[Path, ...],
    scores: Path | None,
    window: str,
    sources: tuple[str, ...],
    calibration_files: tuple[Path, ...],
    start: str | None,
    last: int,
    promises: bool,
    embedder: str | None,
    out: Path | None,
    halves: tuple[int, ...],
    prices: Path | None,
    pools: tuple[str, ...],
    seed: int,
    as_json: bool,
) -> None:
    """Fit a router on outcomes: how models did on prompts."""
    if halves and not (prices and pools):
        raise click.UsageError("--half measures choices by quality and cost: it needs --prices and at least one --pool")
    joined = _embedder(embedder, start)
    catalog = load_catalog()

    def fit(data: Dataset, step: Step, calibrate: tuple[str, Dataset] | None = None) -> Trained:
        return train(
            data,
            scores=published,
            aliases=aliases,
            window=window,
            sources=sources or tuple(path.name for path in outcome_files),
            fitted_on=datetime.now(UTC).date().isoformat(),
            seed=seed,
            step=step,
            calibrate=calibrate,
            last=last,
            promises=promises,
            prior=prior,
            embedder=joined,
        )

    with _progress() as progress:
        bar = progress.add_task("reading files", total=None)
        dataset, calibrate = _read(outcome_files, calibration_files, prompt_files)
        aliases, published = _published(catalog, dataset, scores)
        prior = _prior("none" if joined else start, dataset, catalog, aliases, published)
        trained = fit(dataset, lambda doing: progress.update(bar, description=doing), calibrate)
        if out:
            save_artifact(trained.artifact, out)
        listed = read_prices(prices) if prices else {}
        measured = []
        for half in halves:
            learned, held_out = dataset.halves(half)
            progress.update(bar, description=f"half {half}")
            router = fit(learned, _quietly).artifact.router()
            measured.append(_Half(half, tuple(_measure(router, learned, held_out, pool, listed) for pool in pools)))
    if as_json:
        click.echo(msgspec.json.encode({"figures": trained.figures, "halves": measured}).decode())
    else:
        _print_all(Console(), trained, measured, out)


def _embedder(name: str | None, start: str | None) -> Embedder | None:
    """The embedding model that joins, if any does."""
    if name is not None and start not in (None, "none"):
        raise click.UsageError(
            "--embedder joins a new fit; --from lets a router of other features take the outcomes in"
        )
    return None if name is None else load_embedder(name)


def _published(
    catalog: Catalog, dataset: Dataset, scores: Path | None
) -> tuple[dict[str, str], dict[str, dict[str, float]]]:
    """As `names_and_scores`, with the scores in the file besides."""
    aliases, published = names_and_scores(catalog, dataset.outcomes.models)
    for model, by_benchmark in (read_scores(scores) if scores else {}).items():
        published.setdefault(aliases.get(model, model), {}).update(by_benchmark)
    return aliases, published


def _prior(
    start: str | None,
    dataset: Dataset,
    catalog: Catalog,
    aliases: Mapping[str, str],
    published: Mapping[str, Mapping[str, float]],
) -> Prior | None:
    """The router that is to take the outcomes in; None where a new one is to be fitted."""
    if start == "none" or (start is None and len(dataset.prompt_ids) >= FEW_PROMPTS):
        return None
    path = default_artifact_path() if start in (None, "shipped") else Path(start or "")
    facts = {}
    for name in dataset.outcomes.models:
        model = catalog.find_model(name)
        scores = published.get(aliases.get(name, name), {})
        names, reasons = ((), False) if model is None else ((model.id, *model.names), bool(model.reasoning))
        facts[name] = ModelFacts(scores, reasons, names)
    return Prior(load_artifact(path), facts)


def _read(
    outcome_files: tuple[Path, ...], calibration_files: tuple[Path, ...], prompt_files: tuple[Path, ...]
) -> tuple[Dataset, tuple[str, Dataset] | None]:
    """What is learned from, and by name what promises are tested on, if it is something else. Raises DataError."""
    if not calibration_files:
        return read_dataset(outcome_files, prompt_files).answered(), None
    learned, tested = (read_dataset(files, prompt_files).answered() for files in (outcome_files, calibration_files))
    both = set(learned.prompt_ids) & set(tested.prompt_ids)
    if both:
        raise DataError(
            f"the prompt '{min(both)}' has outcomes to learn from and to test promises on: a promise is worth something "
            "only on prompts that nothing was learned from"
        )
    return learned, (", ".join(path.name for path in calibration_files), tested)


def _measure(router: Router, learned: Dataset, held_out: Dataset, pool: str, prices: Mapping[str, ListPrice]) -> Report:
    models = [name.strip() for name in pool.split(",") if name.strip()]
    return evaluate(router, build_pool(learned, models, prices), build_pool(held_out, models, prices))


def _quietly(_doing: str) -> None:
    """Say nothing."""


def _progress() -> Progress:
    console = Console(stderr=True)
    return Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        TimeElapsedColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )


def _print_all(console: Console, trained: Trained, measured: Sequence[_Half], out: Path | None) -> None:
    _print_figures(console, trained)
    for each in measured:
        for report in each.reports:
            _print_report(console, each.seed, report)
    if out:
        console.print(f"wrote {out} ({out.stat().st_size / 1e6:.2f} MB), router {trained.artifact.version}")


def _print_figures(console: Console, trained: Trained) -> None:
    table = Table(title="Cross-validated: every prompt is predicted by a fit that had not seen it")
    table.add_column("model")
    for name in ("outcomes", "right", "AUC", "calibration error"):
        table.add_column(name, justify="right")
    for figures in trained.figures:
        table.add_row(
            figures.model,
            f"{figures.outcomes:,}",
            f"{figures.quality:.3f}",
            f"{figures.auc:.3f}",
            f"{figures.ece:.3f}",
        )
    console.print(table)


def _print_report(console: Console, seed: int, report: Report) -> None:
    best = report.point(report.reference)
    console.print(
        f"half {seed}: {report.prompts:,} held-out prompts, reference {report.reference}; AUC {report.auc:.3f}, "
        f"calibration error {report.ece:.3f}, expected over actual cost {report.cost_ratio:.2f}"
    )
    table = Table()
    table.add_column("strategy")
    for name in ("max_loss", "quality", "of the reference's", "USD per 1,000", "of its cost", "largest share"):
        table.add_column(name, justify="right")
    for point in report.points:
        table.add_row(
            point.strategy,
            point.setting,
            f"{point.quality:.3f}",
            f"{point.quality / best.quality:.1%}",
            f"{point.usd_per_1k:.4f}",
            f"{point.usd_per_1k / best.usd_per_1k:.1%}",
            f"{point.largest_share:.0%}",
        )
    console.print(table)
