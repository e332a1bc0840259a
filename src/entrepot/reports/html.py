"""Reports as one HTML file that needs no network: tables, charts, light and dark, and paper.

Rules of this file: nothing is loaded, nothing is run, every text is escaped; the policy in its head holds a browser to that.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from rich.cells import cell_len

from entrepot.reports.render import Column, Table, below_others, cell_texts, for_people, printable
from entrepot.reports.svg import render_svg
from entrepot.reports.wording import Language

_TAGS = {"en": "en", "zh": "zh-Hans"}

_SENTENCE_CELLS = 30

_STYLE = """
:root { color-scheme: light dark; --ink: #1c2024; --soft: #5b6470; --rule: #d9dee4; --page: #fbfbfa; --card: #fff;
  --c0: #2f6f9f; --c1: #c8702a; --c2: #3f8f5f; --c3: #a3487f; --c4: #8a7a1f; --c5: #6b5bb5; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e8ea; --soft: #9aa3ad; --rule: #333a42; --page: #14171a;
  --card: #1b1f23; --c0: #6fb1df; --c1: #e79a5c; --c2: #74c494; --c3: #d587b6; --c4: #cbbb58; --c5: #a99df0; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 70rem; padding: 2.5rem 1.25rem 4rem; background: var(--page); color: var(--ink);
  font: 15px/1.55 system-ui, "Noto Sans", "PingFang SC", "Microsoft YaHei", "Noto Sans CJK SC", sans-serif; }
h1 { font-size: 1.5rem; margin: 0 0 .25rem; } h2 { font-size: 1.1rem; margin: 0 0 .75rem; }
header p { margin: .15rem 0; color: var(--soft); }
section { background: var(--card); border: 1px solid var(--rule); border-radius: 8px; padding: 1.25rem 1.25rem 1rem;
  margin: 1.5rem 0 0; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { padding: .35rem .6rem; text-align: right; border-bottom: 1px solid var(--rule); vertical-align: top; }
th { color: var(--soft); font-weight: 600; font-size: .85rem; vertical-align: bottom; }
td small, th small { display: block; color: var(--soft); font-weight: 400; font-size: .8rem; white-space: nowrap; }
.text { text-align: left; } td:first-child { font-weight: 500; } td.text { overflow-wrap: anywhere; min-width: 6.5rem; }
td:not(.text) { white-space: nowrap; } tr:last-child td { border-bottom: 0; }
ul { margin: .8rem 0 0; padding: 0 0 0 1.1rem; color: var(--soft); font-size: .87rem; } li { margin: .2rem 0; }
figure { margin: 1rem 0 .25rem; overflow-x: auto; } figcaption { color: var(--soft); font-size: .85rem; margin: 0 0 .4rem; }
svg { display: block; width: 100%; min-width: 36rem; height: auto; font: 12px system-ui, "Noto Sans", "PingFang SC", sans-serif; }
svg text { fill: var(--ink); } svg .tick { fill: var(--soft); font-size: 11px; } svg .value { font-size: 11.5px; }
svg .grid { stroke: var(--rule); } svg .axis { stroke: var(--soft); } svg .whisker { stroke: var(--ink); fill: none; }
svg .line { fill: none !important; stroke-width: 2; stroke-linejoin: round; } svg .band { opacity: .18; stroke: none !important; }
svg .c0 { fill: var(--c0); stroke: var(--c0); } svg .c1 { fill: var(--c1); stroke: var(--c1); }
svg .c2 { fill: var(--c2); stroke: var(--c2); } svg .c3 { fill: var(--c3); stroke: var(--c3); }
svg .c4 { fill: var(--c4); stroke: var(--c4); } svg .c5 { fill: var(--c5); stroke: var(--c5); }
td.long { min-width: 8rem; } td.long:first-child { min-width: 13rem; }
@media (max-width: 40rem) { body { padding: 1.25rem .75rem 2rem; } section { padding: .9rem .8rem .8rem; }
  th, td { padding: .35rem .4rem; } td.long:first-child { min-width: 11rem; } }
@media print { :root { color-scheme: light; --ink: #000; --soft: #444; --rule: #bbb; --page: #fff; --card: #fff;
  --c0: #2f6f9f; --c1: #c8702a; --c2: #3f8f5f; --c3: #a3487f; --c4: #8a7a1f; --c5: #6b5bb5; }
  body { max-width: none; padding: 0; font-size: 10pt; } section { border: 0; padding: 0; margin: 1.2rem 0 0; }
  h2, figure, tr { break-inside: avoid; break-after: auto; } h2 { break-after: avoid; } thead { display: table-header-group; }
  .wide, figure { overflow: visible; } svg { min-width: 0; }
  svg rect, svg path { print-color-adjust: exact; -webkit-print-color-adjust: exact; } }
"""


def render_html(tables: Sequence[Table], title: str, lines: Sequence[str], language: Language = "en") -> str:
    """One page: `title`, the `lines` below it, then every table with its charts and notes."""
    told: set[str] = set()
    sections = []
    for table in tables:
        fresh = [note for note in table.notes if note not in told]  # what holds for several tables is said once
        told.update(fresh)
        sections.append(_section(table, fresh))
    head = "".join(f"<p>{_text(line)}</p>" for line in lines)
    return (
        f'<!doctype html>\n<html lang="{_TAGS[language]}"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">"
        f"<title>{_text(title)}</title><style>{_STYLE}</style></head>\n"
        f"<body><header><h1>{_text(title)}</h1>{head}</header>\n<main>{''.join(sections)}</main></body></html>\n"
    )


def _section(table: Table, notes: Sequence[str]) -> str:
    figures = ""
    for chart in table.charts:
        drawn = render_svg(chart)
        if drawn:
            figures += f"<figure><figcaption>{_text(chart.title)}</figcaption>{drawn}</figure>"
    listed = f"<ul>{''.join(f'<li>{_text(note)}</li>' for note in notes)}</ul>" if notes else ""
    return f"<section><h2>{_text(table.title)}</h2>{_table(table) if table.rows else ''}{figures}{listed}</section>\n"


def _table(table: Table) -> str:
    """The table; where it is wide, an interval stands below what it is of, not beside."""
    table = for_people(table)
    below = below_others(table)
    places = [place for place, is_below in enumerate(below) if not is_below]
    rows_of_texts = cell_texts(table)
    kinds = {place: _class(_kind(table.columns[place], [row[place] for row in rows_of_texts])) for place in places}

    def row(texts: Sequence[str], tag: str) -> str:
        cells = []
        for place in places:
            more = f"<small>{escape(texts[place + 1])}</small>" if below[place + 1 : place + 2] == [True] else ""
            cells.append(f"<{tag}{kinds[place]}>{escape(texts[place])}{more}</{tag.split(maxsplit=1)[0]}>")
        return f"<tr>{''.join(cells)}</tr>"

    heads = row([printable(column.title) for column in table.columns], 'th scope="col"')
    rows = "".join(row(texts, "td") for texts in rows_of_texts)
    return f'<div class="wide"><table><thead>{heads}</thead><tbody>{rows}</tbody></table></div>'


def _kind(column: Column, texts: Sequence[str]) -> str:
    """How a column is set: numbers to the right, texts to the left, and whole sentences wide."""
    if column.unit != "text":
        return ""
    return "text long" if max(map(cell_len, texts), default=0) > _SENTENCE_CELLS else "text"


def _class(kind: str) -> str:
    return f' class="{kind}"' if kind else ""


def _text(text: str) -> str:
    """Any text, as one that a page shows and nothing else."""
    return escape(printable(text))
