"""Charts as SVG that stands in a page by itself: no script, no font and no picture of anybody else's.

Rules of this file: colours are classes, which the page's style sheet gives for light, dark and paper. Every mark says what it
is in a `title`; a chart says in its label what it shows, for those who do not see it. Texts are escaped.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from html import escape

from rich.cells import cell_len

from entrepot.reports.charts import Bar, Bars, Chart, Line, Lines
from entrepot.reports.render import Unit, format_cell, printable

Point = Callable[[int, float], str]

_WIDTH = 760
_LINE_PX = 26
_BAR_PX = 14
_MOST_LABEL_PX, _VALUE_PX = 290, 96
_CELL_PX = 7.2
_PLOT_PX, _LEFT_PX, _TOP_PX = 210, 74, 12
_COLOURS = 6
_MOST_TICKS = 5
_GAP_CELLS = 12


def render_svg(chart: Chart) -> str:
    """The chart as an `svg` element; an empty text where it has nothing to show."""
    if isinstance(chart, Bars):
        return _bars(chart) if any(bar.value is not None for bar in chart.bars) else ""
    known = [value for line in chart.lines for value in line.values if value is not None]
    return _lines(chart) if known and len(chart.places) > 1 else ""


def _bars(chart: Bars) -> str:
    ends = [
        end for bar in chart.bars for end in (bar.value, bar.low, bar.high) if end is not None and math.isfinite(end)
    ]
    least, most = min((*ends, chart.origin)), max((*ends, chart.origin))
    label_px = min(_MOST_LABEL_PX, max(_CELL_PX * cell_len(bar.label) for bar in chart.bars) + 14)
    room = _WIDTH - label_px - _VALUE_PX

    def x(value: float) -> float:
        part = (min(max(value, least), most) - least) / (most - least) if most > least else 0.0
        return label_px + part * room

    marks = [_bar(bar, number, chart, x, label_px) for number, bar in enumerate(chart.bars)]
    height = len(chart.bars) * _LINE_PX + 4
    zero = f'<line class="axis" x1="{x(chart.origin):.1f}" x2="{x(chart.origin):.1f}" y1="0" y2="{height}"/>'
    return _svg(chart.title, height, [*marks, zero])


def _bar(bar: Bar, number: int, chart: Bars, at: Callable[[float], float], label_px: float) -> str:
    top = number * _LINE_PX + (_LINE_PX - _BAR_PX) / 2
    middle = number * _LINE_PX + _LINE_PX / 2
    label = (
        f'<text x="{label_px - 8:.1f}" y="{middle + 4:.1f}" text-anchor="end">{_text(_cut(bar.label, label_px))}</text>'
    )
    if bar.value is None:
        return f"<g>{label}</g>"
    first, last = sorted((at(chart.origin), at(bar.value)))
    told = _told(bar.value, chart.unit)
    colour, width = f"c{bar.group % _COLOURS}", max(last - first, 1)
    rect = f'<rect class="{colour}" x="{first:.1f}" y="{top:.1f}" width="{width:.1f}" height="{_BAR_PX}" rx="2"/>'
    marks = [label, rect]
    end = last
    title = f"{bar.label}: {told}"
    if bar.low is not None and bar.high is not None:
        low, high = at(bar.low), at(bar.high)
        end = max(end, high)
        title += f" ({_told(bar.low, chart.unit)} … {_told(bar.high, chart.unit)})"
        ends = "".join(f"M{end_x:.1f} {middle - 4:.1f}v8" for end_x in (low, high))
        marks.append(f'<path class="whisker" d="M{low:.1f} {middle:.1f}H{high:.1f}{ends}"/>')
    marks.append(f'<text class="value" x="{end + 6:.1f}" y="{middle + 4:.1f}">{_text(told)}</text>')
    return f"<g><title>{_text(title)}</title>{''.join(marks)}</g>"


def _lines(chart: Lines) -> str:
    known = [
        value
        for line in chart.lines
        for value in (*line.values, *line.high)
        if value is not None and math.isfinite(value)
    ]
    ticks = _ticks(max(0.0, *known))
    top = ticks[-1]
    room = _WIDTH - _LEFT_PX - 12
    step = room / (len(chart.places) - 1)

    def point(place: int, value: float) -> str:
        return f"{_LEFT_PX + place * step:.1f} {_TOP_PX + _PLOT_PX * (1 - min(value, top) / top):.1f}"

    marks = []
    for tick in ticks:
        y = _TOP_PX + _PLOT_PX * (1 - tick / top)
        marks.append(f'<line class="grid" x1="{_LEFT_PX}" x2="{_WIDTH - 12}" y1="{y:.1f}" y2="{y:.1f}"/>')
        marks.append(
            f'<text class="tick" x="{_LEFT_PX - 6}" y="{y + 4:.1f}" text-anchor="end">{_text(_told(tick, chart.unit))}</text>'
        )
    marks += _places(chart.places, step)
    legend_y = _TOP_PX + _PLOT_PX + 44
    rows = 0
    x = float(_LEFT_PX)
    for number, line in enumerate(chart.lines):
        colour = f"c{number % _COLOURS}"
        marks += _band(line, colour, point)
        marks += [_stroke(line, colour, point, number)]
        width = 24 + _CELL_PX * cell_len(line.label)
        if x + width > _WIDTH:
            rows, x = rows + 1, float(_LEFT_PX)
        y = legend_y + rows * 20
        marks.append(f'<rect class="{colour}" x="{x:.1f}" y="{y - 9}" width="10" height="10" rx="2"/>')
        marks.append(f'<text x="{x + 15:.1f}" y="{y}">{_text(line.label)}</text>')
        x += width + 10
    return _svg(chart.title, legend_y + rows * 20 + 8, marks)


def _places(places: Sequence[str], step: float) -> list[str]:
    every = max(1, math.ceil(_GAP_CELLS * _CELL_PX / step))
    y = _TOP_PX + _PLOT_PX + 18
    marks = []
    for number in range(0, len(places), every):
        x, anchor = _LEFT_PX + number * step, "middle"
        if x + _CELL_PX * cell_len(places[number]) / 2 > _WIDTH:
            x, anchor = _WIDTH - 2.0, "end"
        marks.append(f'<text class="tick" x="{x:.1f}" y="{y}" text-anchor="{anchor}">{_text(places[number])}</text>')
    return marks


def _stroke(line: Line, colour: str, point: Point, number: int) -> str:
    path, pen = [], "M"
    for place, value in enumerate(line.values):
        if value is None:
            pen = "M"
            continue
        path.append(f"{pen}{point(place, value)}")
        pen = "L"
    dash = f' stroke-dasharray="{2 + 3 * (number // _COLOURS)} 3"' if number >= _COLOURS else ""
    return f'<path class="line {colour}"{dash} d="{"".join(path)}"><title>{_text(line.label)}</title></path>'


def _band(line: Line, colour: str, point: Point) -> list[str]:
    ends = [
        (place, low, high)
        for place, (low, high) in enumerate(zip(line.low, line.high, strict=True))
        if low is not None and high is not None
    ]
    if not ends:
        return []
    there = "L".join(point(place, high) for place, _, high in ends)
    back = "L".join(point(place, max(0.0, low)) for place, low, _ in reversed(ends))
    return [f'<path class="band {colour}" d="M{there}L{back}Z"/>']


def _ticks(most: float) -> list[float]:
    """Round values from zero to at least `most`."""
    if most <= 0:
        return [0.0, 1.0]
    rough = most / (_MOST_TICKS - 1)
    size = 10.0 ** math.floor(math.log10(rough))
    step = next(size * factor for factor in (1, 2, 2.5, 5, 10) if size * factor >= rough)
    return [step * number for number in range(math.ceil(most / step) + 1)]


def _told(value: float, unit: str) -> str:
    known: Unit = unit  # type: ignore[assignment]  # charts keep units as plain text; an unknown one is a plain number
    digits = 2 if abs(value) >= 1e9 or not value else 4 if abs(value) >= 1e7 else 6
    whole = unit in ("nano_usd", "count") and math.isfinite(value)
    return format_cell(round(value) if whole else value, known, digits)


def _text(text: str) -> str:
    """A text inside an element or an attribute."""
    return escape(printable(text))


def _cut(text: str, room_px: float) -> str:
    """A label that fits; what is cut off is in the title."""
    most = int((room_px - 10) / _CELL_PX)
    if cell_len(text) <= most:
        return text
    kept = text
    while cell_len(kept) > most - 1:
        kept = kept[:-1]
    return f"{kept}…"


def _svg(title: str, height: float, marks: Sequence[str]) -> str:
    told = _text(title)
    return (
        f'<svg role="img" aria-label="{told}" viewBox="0 0 {_WIDTH} {height:.0f}" xmlns="http://www.w3.org/2000/svg">'
        f"<title>{told}</title>{''.join(marks)}</svg>"
    )
