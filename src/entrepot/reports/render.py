"""A report's table as a value, and its renderings: for a terminal, as JSON, as CSV (`html.py` makes a page of it).

Rules of this file: a cell keeps its exact value, and only a rendering rounds it. Money is whole nano-dollars in JSON.
"""

from __future__ import annotations

import csv
import io
import math
import textwrap
from collections.abc import Sequence
from decimal import Decimal
from typing import Any, Literal
from unicodedata import category

import msgspec
from rich import box
from rich.cells import cell_len
from rich.console import Group as RenderedGroup
from rich.console import RenderableType
from rich.table import Table as RichTable
from rich.text import Text

from entrepot.catalog.pricing import NANO_PER_UNIT, format_usd
from entrepot.reports.charts import Chart

Unit = Literal["text", "count", "nano_usd", "usd", "fraction", "ratio", "ms", "interval"]


# The longest name in a first column that is kept in one piece; what is longer is a sentence.
_NAME_CELLS = 34
_MOST_COLUMNS = 6
# Controls, what turns the direction of writing, halves of characters, and ends of lines.
_UNPRINTABLE = ("Cc", "Cf", "Cs", "Zl", "Zp")


class Label(msgspec.Struct, frozen=True):
    """Text for people, and the stable name by which programs know it (None: the ledger holds no value)."""

    name: str | bool | None
    text: str


class Interval(msgspec.Struct, frozen=True):
    """From `low` to `high`, in `unit`."""

    low: float
    high: float
    unit: Unit


class Quantity(msgspec.Struct, frozen=True):
    """A value whose unit is not its column's, with the ends of its interval where it has one."""

    value: float | None
    unit: Unit
    low: float | None = None
    high: float | None = None

    def interval(self) -> Interval | None:
        """The interval as a cell of its own."""
        if self.low is None or self.high is None:
            return None
        return Interval(self.low, self.high, self.unit)


Cell = Label | Quantity | Interval | float | None
Row = tuple[Cell, ...]


class Column(msgspec.Struct, frozen=True):
    """`name` is for programs, `title` for people; `unit` is that of every plain number in the column.

    What is `plain` says to programs what another column says to people, who are not shown it.
    """

    name: str
    title: str
    unit: Unit
    plain: bool = False


class Table(msgspec.Struct, frozen=True):
    """Rows have one cell a column. None in a cell is unknown or not applicable, never zero.

    `about` tells programs which of several alike it is: the scenario.
    """

    name: str
    title: str
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    notes: tuple[str, ...] = ()
    charts: tuple[Chart, ...] = ()
    about: str = ""


def for_people(table: Table) -> Table:
    """The table without the columns that only programs read."""
    places = [place for place, column in enumerate(table.columns) if not column.plain]
    return msgspec.structs.replace(
        table,
        columns=tuple(table.columns[place] for place in places),
        rows=tuple(tuple(row[place] for place in places) for row in table.rows),
    )


def render_terminal(table: Table) -> RenderableType:
    """The table and its notes for rich's Console."""
    table = for_people(table)
    rendered = RichTable(
        title=Text(printable(table.title), style="bold"),
        title_justify="left",
        box=box.SIMPLE_HEAD,
        pad_edge=False,
        padding=(0, 1, 0, 0),
    )
    rows = cell_texts(table)
    below = below_others(table)
    places = [place for place in range(len(table.columns)) if not below[place]]
    titles = _under([printable(column.title) for column in table.columns], below)
    rows = [_under(row, below) for row in rows]
    for place in places:
        column = table.columns[place]
        widest = max((cell_len(line) for row in rows for line in row[place].split("\n")), default=0)
        is_text = column.unit == "text"
        # Where the terminal is narrow, headings and remarks fold; a number or a name, which people copy, does not.
        whole = not is_text or (place == 0 and widest <= _NAME_CELLS)
        title = titles[place] if is_text else "\n".join(_fold(one, widest) for one in titles[place].split("\n"))
        rendered.add_column(Text(title), justify="left" if is_text else "right", no_wrap=whole, overflow="fold")
    for row in rows:
        rendered.add_row(*(Text(row[place]) for place in places))
    notes = RichTable.grid(padding=(0, 1))
    for _ in range(3):
        notes.add_column(overflow="fold")  # a Chinese sentence is one long word to rich, and would be cut
    for note in table.notes:
        notes.add_row(" ", "·", Text(printable(note)))
    return RenderedGroup(rendered, notes) if table.notes else rendered


def below_others(table: Table) -> list[bool]:
    """Which columns stand, where a table is wide, below the one before them: the intervals."""
    is_wide = len(table.columns) > _MOST_COLUMNS
    return [is_wide and place > 0 and column.unit == "interval" for place, column in enumerate(table.columns)]


def _under(texts: Sequence[str], below: Sequence[bool]) -> list[str]:
    """Each text with that of the next column under it, where that stands below."""
    return [
        f"{text}\n{texts[place + 1]}" if below[place + 1 : place + 2] == [True] else text
        for place, text in enumerate(texts)
    ]


def cell_texts(table: Table) -> list[list[str]]:
    """Every cell as text for people."""
    digits = [_usd_digits(table, place) for place in range(len(table.columns))]
    return [
        [format_cell(cell, column.unit, usd) for cell, column, usd in zip(row, table.columns, digits, strict=True)]
        for row in table.rows
    ]


def render_csv(tables: Sequence[Table]) -> str:
    """The tables one after another, each under a line of its columns' names, with an empty line between (RFC 4180).

    Cells are for programs, as in JSON: money in whole nano-dollars, fractions of one, an empty cell where nothing is known. What
    may have a unit of its own or an interval has further columns for them, and where tables are `about` something, one says of
    what. A text that a spreadsheet would take for a formula begins with an apostrophe.
    """
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    told = any(table.about for table in tables)
    for number, table in enumerate(tables):
        if number:
            out.write("\r\n")
        about = [_plain_text(table.about)] if told else []
        compound = [_parts_of([row[place] for row in table.rows]) for place in range(len(table.columns))]
        writer.writerow(
            ["table", *(["about"] if told else [])]
            + [
                _plain_text(column.name if not part else f"{column.name}_{part}")
                for column, parts in zip(table.columns, compound, strict=True)
                for part in parts
            ]
        )
        for row in table.rows:
            writer.writerow(
                [table.name, *about]
                + [
                    _csv_cell(cell, column.unit, part)
                    for cell, column, parts in zip(row, table.columns, compound, strict=True)
                    for part in parts
                ]
            )
    return out.getvalue()


def _parts_of(cells: Sequence[Cell]) -> tuple[str, ...]:
    """The columns that a column becomes: `""` is the plain one."""
    if any(isinstance(cell, Quantity) for cell in cells):
        return ("", "unit")
    return ("low", "high", "unit") if any(isinstance(cell, Interval) for cell in cells) else ("",)


def _csv_cell(cell: Cell, unit: Unit, part: str) -> str:
    plain = _plain(cell, unit)
    if isinstance(plain, dict):
        plain = plain.get(part or "value")
    elif part:
        plain = None
    if plain is None:
        return ""
    if isinstance(plain, str):
        return _plain_text(plain)
    return str(plain).lower() if isinstance(plain, bool) else str(plain)


def _plain_text(text: str) -> str:
    """A text that no spreadsheet takes for a formula."""
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text


def _fold(title: str, cells: int) -> str:
    """A heading folded between words to the width of what stands below it."""
    widest_word = max((len(word) for word in title.split()), default=1)
    return "\n".join(textwrap.wrap(title, max(cells, widest_word))) or title


def render_json(tables: Sequence[Table], **facts: object) -> str:
    """One JSON object: `facts`, and under `tables` each table with its rows as objects by column name."""
    document = {**facts, "tables": [_plain_table(table) for table in tables]}
    return msgspec.json.format(msgspec.json.encode(document), indent=2).decode()


def printable(text: str) -> str:
    """A text that cannot move a terminal's cursor or turn its direction: what a client asked for may be any characters."""
    return "".join(one if category(one) not in _UNPRINTABLE else f"\\u{ord(one):04x}" for one in text)


def format_cell(cell: Cell, unit: Unit, usd_digits: int) -> str:
    """A cell as text for people; an en dash where there is nothing to say."""
    match cell:
        case None:
            return "–"
        case Label():
            return printable(cell.text)
        case Quantity():
            return format_cell(
                cell.value, cell.unit, _digits_of([cell.value]) if cell.unit == "nano_usd" else usd_digits
            )
        case Interval():
            low, high = (format_cell(end, cell.unit, usd_digits) for end in (cell.low, cell.high))
            return f"{low} … {high}"
        case _:
            return _format_number(cell, unit, usd_digits)


def _format_number(value: float, unit: Unit, usd_digits: int) -> str:
    if not math.isfinite(value):
        return "∞" if value > 0 else "−∞"
    if unit == "nano_usd":
        sign, amount = ("−", -value) if value < 0 else ("", value)
        return f"{sign}${Decimal(format_usd(int(amount), usd_digits)):,}"
    if unit == "usd":  # a price, not an amount: a fraction of a cent may be all of it
        return f"${_significant(value, 4)}".replace("$-", "−$")
    if unit == "ratio":
        return f"{value:.3g}×".replace("-", "−")
    if unit == "fraction":
        return f"{100 * value:.1f} %".replace("-", "−")
    if unit == "ms":
        return f"{value:.3g} ms" if value < 100 else f"{value:,.0f} ms"
    return f"{value:,}"


def _significant(value: float, digits: int) -> str:
    """So many significant digits, and never an exponent."""
    if not value:
        return "0"
    places = digits - 1 - math.floor(math.log10(abs(value)))
    text = f"{value:,.{max(places, 0)}f}"
    return text.rstrip("0").rstrip(".") if places > 0 else text


def _usd_digits(table: Table, place: int) -> int:
    """Every amount of a column has as many decimals as its largest one needs."""
    if table.columns[place].unit == "interval":
        ends = [cell for row in table.rows if isinstance(cell := row[place], Interval) and cell.unit == "nano_usd"]
        return _digits_of([end for cell in ends for end in (cell.low, cell.high)])
    if table.columns[place].unit != "nano_usd":
        return 2
    return _digits_of([cell for row in table.rows if isinstance(cell := row[place], int | float)])


def _digits_of(nano_usd: Sequence[float | None]) -> int:
    largest = max((abs(amount) for amount in nano_usd if amount is not None), default=0)
    if largest >= 100 * NANO_PER_UNIT:
        return 2
    return 4 if largest >= NANO_PER_UNIT else 6


def _plain_table(table: Table) -> dict[str, Any]:
    about = {"about": table.about} if table.about else {}
    return {
        "name": table.name,
        **about,
        "title": table.title,
        "columns": [{"name": column.name, "title": column.title, "unit": column.unit} for column in table.columns],
        "rows": [
            {column.name: _plain(cell, column.unit) for column, cell in zip(table.columns, row, strict=True)}
            for row in table.rows
        ],
        "notes": list(table.notes),
    }


def _plain(cell: Cell, unit: Unit) -> object:
    """A cell as programs read it; `unit` is its column's."""
    match cell:
        case Label():
            return cell.name
        case Quantity():
            return {"value": _number(cell.value, cell.unit), "unit": cell.unit}
        case Interval():
            low, high = (_number(end, cell.unit) for end in (cell.low, cell.high))
            return {"low": low, "high": high, "unit": cell.unit}
        case _:
            return _number(cell, unit)


def _number(value: float | None, unit: Unit) -> float | None:
    """Nothing that is not finite; whole nano-dollars."""
    if value is None or not math.isfinite(value):
        return None
    return round(value) if unit == "nano_usd" else value
