"""Cost-quality curves as an SVG: cost on a logarithmic axis, each strategy a line, single models dots."""

from __future__ import annotations

from collections.abc import Callable
from html import escape
from math import log10

from entrepot.learning.evaluation import Evaluation, StrategyFigures

_WIDTH, _HEIGHT, _LEFT, _BOTTOM, _RIGHT = 900, 560, 70, 60, 210
Place = Callable[[float, float], tuple[float, float]]
_COLOURS = ("#0b6e4f", "#c1440e", "#3a5a98", "#8a6d00", "#7b3f99", "#00838f", "#757575", "#ad1457")


def draw_curves(found: Evaluation) -> str:
    """The picture, as text."""
    lines = [one for one in found.strategies if len(one.points) > 1]
    dots = [one for one in found.strategies if len(one.points) == 1]
    points = [point for one in found.strategies for point in one.points]
    costs = [log10(max(p.cost_usd_per_1k, 1e-9)) for p in points] + [log10(max(found.oracle.cost_usd_per_1k, 1e-9))]
    qualities = [p.quality for p in points] + [found.oracle.quality]
    low, high, bottom, top = min(costs), max(costs), min(qualities), max(qualities)

    def place(cost: float, quality: float) -> tuple[float, float]:
        across = (log10(max(cost, 1e-9)) - low) / ((high - low) or 1)
        up = (quality - bottom) / ((top - bottom) or 1)
        return _LEFT + across * (_WIDTH - _LEFT - _RIGHT), _HEIGHT - _BOTTOM - up * (_HEIGHT - _BOTTOM - 30)

    drawn = [
        f'<text x="{_LEFT}" y="{_HEIGHT - 12}">USD per 1,000 requests, from {10**low:.3g} to {10**high:.3g} (log)</text>',
        f'<text x="8" y="20">share right, from {bottom:.1%} to {top:.1%}</text>',
        f'<path d="M{_LEFT} 30V{_HEIGHT - _BOTTOM}H{_WIDTH - _RIGHT}" fill="none" stroke="#333"/>',
    ]
    for number, one in enumerate(lines):
        drawn.append(_line(one, _COLOURS[number % len(_COLOURS)], number, place))
    for one in dots:
        x, y = place(one.points[0].cost_usd_per_1k, one.points[0].quality)
        drawn.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3"><title>{escape(one.name)}</title></circle>')
    x, y = place(found.oracle.cost_usd_per_1k, found.oracle.quality)
    drawn.append(f'<text x="{x:.1f}" y="{y + 4:.1f}">oracle</text>')
    body = "\n".join(drawn)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" font-family="sans-serif" '
        f'font-size="12">\n<rect width="100%" height="100%" fill="white"/>\n{body}\n</svg>\n'
    )


def _line(one: StrategyFigures, colour: str, number: int, place: Place) -> str:
    path = " ".join(
        f"{x:.1f},{y:.1f}"
        for x, y in (place(p.cost_usd_per_1k, p.quality) for p in sorted(one.points, key=lambda p: p.cost_usd_per_1k))
    )
    return (
        f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>'
        f'<text x="{_WIDTH - _RIGHT + 12}" y="{40 + 18 * number}" fill="{colour}">{escape(one.name)}</text>'
    )
