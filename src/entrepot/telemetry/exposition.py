"""What all processes counted, as Prometheus reads it (text format 0.0.4).

Rules of this file: counters and histograms are sums over every process there was, gauges over those that run. A family without
a series is left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from entrepot.telemetry.families import BY_NAME, FAMILIES, Family
from entrepot.telemetry.series import Kept, Key

CONTENT_TYPE = b"text/plain; version=0.0.4; charset=utf-8"
_ESCAPES = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n"})


class Sample(msgspec.Struct, frozen=True):
    """A series that is found at the time of a scrape."""

    family: Family
    labels: tuple[str, ...]
    value: float


def add_up(kept: Iterable[Kept]) -> dict[Key, list[float]]:
    """The series of all processes together."""
    sums: dict[Key, list[float]] = {}
    for process in kept:
        for key, values in process.series.items():
            family = BY_NAME.get(key[0])
            if family is None or (family.kind == "gauge" and not process.alive):
                continue
            known = sums.get(key)
            if known is None:
                sums[key] = list(values)
            elif len(known) == len(values):
                sums[key] = [before + more for before, more in zip(known, values, strict=True)]
    return sums


def render(kept: Sequence[Kept], found: Iterable[Sample] = ()) -> bytes:
    """All of it as one text."""
    sums = add_up(kept)
    for sample in found:
        sums[(sample.family.name, *sample.labels)] = [sample.value]
    by_family: dict[str, list[tuple[Key, list[float]]]] = {}
    for key in sorted(sums):
        by_family.setdefault(key[0], []).append((key, sums[key]))
    lines: list[str] = []
    for family in FAMILIES:
        series = by_family.get(family.name)
        if series is None:
            continue
        lines.append(f"# HELP {family.name} {family.help}")
        lines.append(f"# TYPE {family.name} {family.kind}")
        for key, values in series:
            labels = list(zip(family.labels, key[1:], strict=True))
            lines += _histogram(family, labels, values) if family.buckets else [_line(family, labels, values[0])]
    return "\n".join([*lines, ""]).encode()


def _histogram(family: Family, labels: list[tuple[str, str]], values: Sequence[float]) -> list[str]:
    lines, total = [], 0.0
    for bound, count in zip((*family.buckets, float("inf")), values, strict=False):
        total += count
        lines.append(f"{family.name}_bucket{_braced([*labels, ('le', _number(bound))])} {_number(total)}")
    lines.append(f"{family.name}_sum{_braced(labels)} {_number(values[-1] * family.scale)}")
    lines.append(f"{family.name}_count{_braced(labels)} {_number(total)}")
    return lines


def _line(family: Family, labels: list[tuple[str, str]], value: float) -> str:
    return f"{family.name}{_braced(labels)} {_number(value * family.scale)}"


def _braced(labels: Sequence[tuple[str, str]]) -> str:
    inner = ",".join(f'{name}="{value.translate(_ESCAPES)}"' for name, value in labels)
    return f"{{{inner}}}" if inner else ""


def _number(value: float) -> str:
    if value == float("inf"):
        return "+Inf"
    return str(int(value)) if value.is_integer() else repr(value)
