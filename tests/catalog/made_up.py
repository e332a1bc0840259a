"""A small catalog of one maker, one model and one provider, as files that a test can change."""

from __future__ import annotations

from pathlib import Path

MAKER = """\
id = "acme"
name = "Acme 顶点"
country = "FR"
source = "acme.example/models"
as_of = "2026-11-01"

[[models]]
id = "acme-large"
names = ["Acme/Large", "顶点大模型"]
open_weights = true
context_tokens = 1000
capabilities = ["tools"]
scores = [{ benchmark = "gpqa-diamond", score = 0.5, source = "acme.example", as_of = "2026-11-01" }]
"""

PROVIDER = """\
id = "acme-cloud"
name = "Acme Cloud"
country = "FR"
dialect = "openai-chat"
auth = "bearer"
key_env = ["ACME_API_KEY"]
source = "acme.example/docs"
as_of = "2026-11-02"

[prices]
source = "acme.example/prices"
as_of = "2026-11-03"

[[regions]]
name = "paris"
base_url = "https://paris.acme.example/v1"
processed_in = "FR"

[[regions]]
name = "anywhere"
base_url = "https://acme.example/v1"
processed_in = "GLOBAL"
source = "acme.example/regions"
as_of = "2026-11-04"

[[offers]]
model = "acme-large"
upstream_name = "large-2"
regions = ["paris"]
capabilities = ["tools", "json"]
price = { input_per_mtok = 1.10, output_per_mtok = 2.20 }
"""


def write_catalog(
    directory: Path, *, maker: str = MAKER, provider: str = PROVIDER, exchange: str | None = None
) -> Path:
    """Files laid out as an operator's own directory; empty text leaves a file out."""
    for folder, text in (("makers", maker), ("providers", provider)):
        (directory / folder).mkdir(parents=True, exist_ok=True)
        if text:
            (directory / folder / "acme.toml").write_text(text, encoding="utf-8")
    if exchange is not None:
        (directory / "exchange.toml").write_text(exchange, encoding="utf-8")
    return directory
