from __future__ import annotations

import math
import xml.etree.ElementTree as ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from entrepot.reports.charts import Bar, Bars, Line, Lines
from entrepot.reports.svg import render_svg

NAMESPACE = "{http://www.w3.org/2000/svg}"
numbers = st.floats(-1e12, 1e12) | st.sampled_from([0.0, math.inf, -math.inf])
names = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Cn", "Co"]), max_size=60)


def drawn(chart: Bars | Lines) -> ElementTree.Element:
    return ElementTree.fromstring(render_svg(chart))


def test_a_bar_is_as_long_as_its_value_and_says_what_it_is() -> None:
    svg = drawn(Bars("花费", "nano_usd", (Bar("通义", 4e9, 3e9, 5e9), Bar("<gpt>", 2e9), Bar("unknown", None))))
    first, second = (float(rect.get("width") or 0) for rect in svg.iter(f"{NAMESPACE}rect"))
    assert first == pytest.approx(2 * second, rel=0.01)
    titles = [title.text for title in svg.iter(f"{NAMESPACE}title")]
    assert titles == ["花费", "通义: $4.00 ($3.00 … $5.00)", "<gpt>: $2.00"]
    assert svg.get("aria-label") == "花费"


def test_what_lies_below_the_origin_goes_the_other_way() -> None:
    svg = drawn(Bars("change", "fraction", (Bar("up", 0.1), Bar("down", -0.1))))
    up, down = svg.iter(f"{NAMESPACE}rect")
    assert float(down.get("x") or 0) + float(down.get("width") or 0) == pytest.approx(float(up.get("x") or 0), abs=0.2)


def test_a_gap_in_a_line_is_not_bridged() -> None:
    svg = drawn(Lines("share", "fraction", ("a", "b", "c", "d"), (Line("x", (0.1, None, 0.2, 0.3)),)))
    (path,) = svg.iter(f"{NAMESPACE}path")
    assert (path.get("d") or "").count("M") == 2


def test_nothing_known_is_nothing_drawn() -> None:
    assert render_svg(Bars("x", "count", (Bar("a", None),))) == ""
    assert render_svg(Lines("x", "count", ("a",), (Line("a", (1.0,)),))) == ""


def test_a_band_lies_around_its_line() -> None:
    svg = drawn(Lines("f", "count", ("a", "b"), (Line("x", (2.0, 2.0), (1.0, 1.0), (3.0, 3.0)),)))
    band, line = svg.iter(f"{NAMESPACE}path")
    assert "band" in (band.get("class") or "")
    assert "line" in (line.get("class") or "")


@given(st.lists(st.builds(Bar, names, st.none() | numbers, st.none() | numbers, st.none() | numbers), max_size=6))
@settings(deadline=None, max_examples=80)
def test_whatever_is_drawn_is_sound_and_inside(bars: list[Bar]) -> None:
    text = render_svg(Bars("t", "count", tuple(bars)))
    if text:
        for rect in ElementTree.fromstring(text).iter(f"{NAMESPACE}rect"):
            assert 0 <= float(rect.get("x") or 0) <= 760
            assert float(rect.get("x") or 0) + float(rect.get("width") or 0) <= 761


@given(st.lists(st.tuples(names, st.lists(st.none() | st.floats(0, 1e12), min_size=3, max_size=3)), max_size=9))
@settings(deadline=None, max_examples=60)
def test_lines_are_sound_whatever_they_hold(lines: list[tuple[str, list[float | None]]]) -> None:
    chart = Lines("t", "nano_usd", ("一", "&", "c"), tuple(Line(name, tuple(values)) for name, values in lines))
    text = render_svg(chart)
    assert text == "" or ElementTree.fromstring(text).tag == f"{NAMESPACE}svg"
