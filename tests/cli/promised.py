"""Settings beside a router that was trained on outcomes of its own, so that a promise can be made."""

from __future__ import annotations

from pathlib import Path

from entrepot.learning.outcomes import Dataset
from entrepot.learning.train import save_artifact, train
from entrepot.routing.checks import STRONG, WEAK, made_up_outcomes

ROUTES = """\
[[routes]]
name = "promised"
reference = "strong"
max_loss = 0.3
confidence = 0.9

[[routes]]
name = "不可能"
reference = "strong"
max_loss = 0.001
confidence = 0.95

[[routes]]
name = "unpromised"
reference = "strong"
max_loss = 0.3
"""


def write_promised(directory: Path) -> None:
    """`entrepot.toml` with a strong and dear model, a weak and cheap one, and one that was never asked."""
    outcomes = made_up_outcomes()
    ids = tuple(str(number) for number in range(len(outcomes.prompts)))
    dataset = Dataset(outcomes, ids, ("",) * len(ids), ("",) * len(ids))
    trained = train(dataset, scores={}, aliases={}, window="2026-11", sources=("票据.jsonl",), fitted_on="2026-11-22")
    save_artifact(trained.artifact, directory / "mine.router")
    deployments = "".join(
        f'[[deployments]]\nid = "{id_}"\nprovider = "openai-compatible"\nbase_url = "http://127.0.0.1:9/v1"\n'
        f'model = "{model}"\nregion = "US"\nprice = {{ input_per_mtok = {price}, output_per_mtok = {price} }}\n'
        for id_, model, price in (("strong", STRONG, 10), ("weak", WEAK, 0.1), ("new", "nobody/knows", 0.1))
    )
    document = f'[router]\nartifact = "mine.router"\n{deployments}{ROUTES}'
    (directory / "entrepot.toml").write_text(document, encoding="utf-8")
