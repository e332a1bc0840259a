from __future__ import annotations

import re
from html.parser import HTMLParser

from entrepot.reports.charts import Bar, Bars
from entrepot.reports.html import render_html
from entrepot.reports.render import Column, Interval, Label, Table

TABLE = Table(
    "spend",
    "花费 <b>",
    (Column("value", "模型", "text"), Column("cost", "费用", "nano_usd"), Column("interval", "区间", "interval")),
    (
        (Label("m", "<script>alert(1)</script>"), 1_234_567, Interval(0.1, 0.2, "fraction")),
        (Label(None, "–"), None, None),
    ),
    ("a note & more",),
    (Bars("费用", "nano_usd", (Bar("m", 1e9),)),),
)
VOID = {"meta", "rect", "line", "path", "br"}


class Reader(HTMLParser):
    """What a page holds, and whether its elements are closed."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[str] = []
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append(tag)
        self.links += [value or "" for name, value in attrs if name in ("src", "href", "action", "srcset")]
        if tag not in ("meta",):
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def read(page: str) -> Reader:
    reader = Reader()
    reader.feed(page)
    assert reader.open == []
    return reader


def test_a_page_is_sound_and_holds_table_chart_and_notes() -> None:
    reader = read(render_html([TABLE], "报告 & more", ["2 exchanges"], "zh"))
    for tag in ("table", "svg", "figure", "li", "h1", "h2"):
        assert tag in reader.seen


def test_a_page_loads_nothing_and_runs_nothing() -> None:
    page = render_html([TABLE], "r", [])
    reader = read(page)
    assert reader.links == []
    assert "script" not in reader.seen
    assert re.findall(r"url\(|@import|https?://(?!www\.w3\.org/2000/svg)", page) == []
    assert "default-src 'none'" in page


def test_texts_are_escaped_and_numbers_are_for_people() -> None:
    page = render_html([TABLE], "r", ["<i>"])
    assert "<script>" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "$0.001235" in page
    assert "10.0 % … 20.0 %" in page


def test_a_note_of_several_tables_is_said_once() -> None:
    assert render_html([TABLE, TABLE], "r", []).count("a note &amp; more") == 1


def test_a_page_names_its_language() -> None:
    assert '<html lang="zh-Hans">' in render_html([], "r", [], "zh")
    assert '<html lang="en">' in render_html([], "r", [], "en")


def test_a_page_has_colours_for_the_dark_and_for_paper() -> None:
    page = render_html([], "r", [])
    assert "prefers-color-scheme: dark" in page
    assert "@media print" in page


def test_in_a_wide_table_an_interval_stands_below_what_it_is_of() -> None:
    numbers = tuple(Column(f"n{place}", f"N{place}", "count") for place in range(5))
    columns = (*numbers, Column("share", "Share", "fraction"), Column("interval", "95 %", "interval"))
    row = (1, 2, 3, 4, 5, 0.5, Interval(0.25, 0.75, "fraction"))
    wide = render_html([Table("t", "T", columns, (row,))], "t", [])
    assert "<td>50.0 %<small>25.0 % … 75.0 %</small></td>" in wide
    assert '<th scope="col">Share<small>95 %</small></th>' in wide
    narrow = render_html([Table("t", "T", columns[4:], (row[4:],))], "t", [])
    assert "<td>25.0 % … 75.0 %</td>" in narrow
    read(wide)
