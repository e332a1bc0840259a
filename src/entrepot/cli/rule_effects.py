"""What each rule did for one request, as a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from entrepot.policy.eligibility import Effect

_SPARED: Mapping[str, str] = {
    "tags": "no: other tags",
    "teams": "no: another team",
    "keys": "no: another key",
    "routes": "no: another route",
    "client_regions": "no: client elsewhere",
    "data_classes": "no: not such data",
    "languages": "no: other language",
    "tools": "no: not such tools",
    "unless": "no: spared by unless",
}


def render_effects(effects: Sequence[Effect], console: Console) -> None:
    """Print a line for each rule: whether it applies, if not why not, whom it keeps out and whom it prefers."""
    table = Table(box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    for heading in ("rule", "applies", "keeps out", "prefers"):
        table.add_column(heading, overflow="fold")
    for effect in effects:
        applies = "yes" if effect.spared_by is None else _SPARED[effect.spared_by]
        kept_out = ", ".join(effect.objections) or ("nobody" if effect.spared_by is None else "")
        style = "" if effect.spared_by is None else "dim"
        cells = (effect.rule, applies, kept_out, ", ".join(effect.prefers))
        table.add_row(*(Text(cell, style=style) for cell in cells))
    console.print(table)
