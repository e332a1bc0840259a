from __future__ import annotations

import io
import json
import math

import msgspec
import pytest
from rich.cells import cell_len
from rich.console import Console

from entrepot.reports.html import render_html
from entrepot.reports.render import (
    Cell,
    Column,
    Interval,
    Label,
    Quantity,
    Table,
    Unit,
    format_cell,
    render_csv,
    render_json,
    render_terminal,
)

TABLE = Table(
    "spend",
    "花费",
    (Column("value", "模型", "text"), Column("cost", "费用", "nano_usd"), Column("interval", "区间", "interval")),
    (
        (Label("qwen3-max", "通义千问"), 1_234_567, None),
        (Label(None, "[unknown]"), None, Interval(5e8, math.inf, "nano_usd")),
        (Label(True, "yes"), Quantity(0.25, "fraction", -math.inf, 0.5), None),
    ),
    ("一个说明 [with brackets]",),
)


def on_screen(table: Table) -> str:
    out = io.StringIO()
    Console(file=out, width=80).print(render_terminal(table))
    return out.getvalue()


@pytest.mark.parametrize(
    ("cell", "unit", "digits", "text"),
    [
        (None, "count", 2, "–"),
        (1_234_567, "count", 2, "1,234,567"),
        (1_234_567_891_234, "nano_usd", 2, "$1,234.57"),
        (-5_000_000, "nano_usd", 6, "−$0.005000"),
        (0, "nano_usd", 6, "$0.000000"),
        (0.1234, "fraction", 2, "12.3 %"),
        (-0.5, "fraction", 2, "−50.0 %"),
        (0.25, "ms", 2, "0.25 ms"),
        (1234.5, "ms", 2, "1,234 ms"),
        (math.inf, "fraction", 2, "∞"),
        (Quantity(2_000_000_000, "nano_usd"), "count", 2, "$2.0000"),
        (Interval(-0.1, 0.2, "fraction"), "interval", 2, "−10.0 % … 20.0 %"),
        (Label("x", "文字"), "text", 2, "文字"),
    ],
)
def test_a_cell_reads_as_people_write_it(cell: Cell, unit: Unit, digits: int, text: str) -> None:
    assert format_cell(cell, unit, digits) == text


def test_a_table_shows_its_title_columns_rows_and_notes_as_they_are() -> None:
    shown = on_screen(TABLE)
    for text in ("花费", "模型", "通义千问", "$0.001235", "[unknown]", "一个说明 [with brackets]"):
        assert text in shown


def test_amounts_in_a_column_have_as_many_decimals_as_the_largest_needs() -> None:
    column = (Column("cost", "cost", "nano_usd"),)
    assert "$250.00" in on_screen(Table("t", "t", column, ((250_000_000_000,), (1_000,))))
    assert "$0.000001" in on_screen(Table("t", "t", column, ((2_000_000,), (1_000,))))


def test_json_keeps_exact_values_and_names_and_knows_no_infinity() -> None:
    document = json.loads(render_json([TABLE], since=None, ledger="here"))
    assert (document["since"], document["ledger"]) == (None, "here")
    (table,) = document["tables"]
    assert [column["unit"] for column in table["columns"]] == ["text", "nano_usd", "interval"]
    assert table["rows"] == [
        {"value": "qwen3-max", "cost": 1_234_567, "interval": None},
        {"value": None, "cost": None, "interval": {"low": 5e8, "high": None, "unit": "nano_usd"}},
        {"value": True, "cost": {"value": 0.25, "unit": "fraction"}, "interval": None},
    ]
    assert table["notes"] == ["一个说明 [with brackets]"]


def test_a_name_and_a_number_stay_in_one_piece_where_the_terminal_is_narrow() -> None:
    table = Table(
        "cast",
        "谁是谁",
        (
            Column("id", "deployment", "text"),
            Column("about", "what is to be said about it", "text"),
            Column("tokens", "output tokens of all", "count"),
        ),
        (
            (
                Label("a", "anthropic/claude-sonnet-5-5"),
                Label("b", "在本地运行 on the operator's premises"),
                1_234_567_890,
            ),
        ),
    )
    out = io.StringIO()
    Console(file=out, width=60).print(render_terminal(table))
    shown = out.getvalue()
    assert "anthropic/claude-sonnet-5-5" in shown
    assert "1,234,567,890" in shown
    assert max(cell_len(line) for line in shown.splitlines()) <= 60


def test_a_long_note_in_chinese_is_folded_and_not_cut() -> None:
    note = "可与真实回答对照的预测不足三十个，因此假定预测总和的偏差在百分之二十五以内。" * 5
    shown = on_screen(msgspec.structs.replace(TABLE, notes=(f"gpt-6.1-sol：18 个请求，{note}",)))
    assert "…" not in shown.split("·")[1]
    assert note in "".join(shown.split("·")[1].split())


def test_csv_is_for_programs() -> None:
    lines = render_csv([TABLE, msgspec.structs.replace(TABLE, rows=())]).split("\r\n")
    assert lines[0] == "table,value,cost,cost_unit,interval_low,interval_high,interval_unit"
    assert lines[1] == "spend,qwen3-max,1234567,,,,"
    assert lines[2] == "spend,,,,500000000,,nano_usd"
    assert lines[3] == "spend,true,0.25,fraction,,,"
    assert lines[4] == ""
    assert lines[5] == "table,value,cost,interval"


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@sum", "\tx"])
def test_no_cell_of_csv_is_a_formula(text: str) -> None:
    table = Table("t", "t", (Column("value", "v", "text"),), ((Label(text, text),),))
    assert f"t,'{text}" in render_csv([table])


@pytest.mark.parametrize(
    ("value", "unit", "text"), [(0.00032, "usd", "$0.00032"), (1234.5, "usd", "$1,234"), (12.345, "ratio", "12.3×")]
)
def test_prices_and_ratios_keep_what_matters_of_them(value: float, unit: Unit, text: str) -> None:
    assert format_cell(value, unit, 2) == text


def test_what_a_client_asked_for_cannot_write_to_a_terminal() -> None:
    hostile = "gpt\x1b[2J\u202e\n模型　x"
    table = Table("t", "T", (Column("value", "value", "text"),), ((Label(hostile, hostile),),), (f"of {hostile}",))
    text = on_screen(table)
    assert not {"\x1b", "\u202e"} & set(text)
    assert text.count("gpt\\u001b[2J\\u202e\\u000a模型　x") == 2
    assert json.loads(render_json([table]))["tables"][0]["rows"] == [{"value": hostile}]  # programs get it as it is


def test_a_name_that_heads_a_column_is_held_to_the_same_as_one_in_a_cell() -> None:
    name = "=1+1\x1b[31m\u202e"
    heading = Table(
        "share", name, (Column("month", "month", "text"), Column(name, name, "count")), ((Label("m", "m"), 1),)
    )
    page = render_html([heading], name, [name])
    for shown in (on_screen(heading), page):
        assert "\x1b[31m" not in shown
        assert "\u202e" not in shown
        assert "=1+1\\u001b[31m\\u202e" in shown
    assert render_csv([heading]).splitlines()[0].startswith("table,month,'=1+1")


def test_a_small_price_is_written_out() -> None:
    assert [format_cell(value, "usd", 2) for value in (8.591e-05, 0.0, 1234.5678, 12345678.0, -0.5)] == [
        "$0.00008591",
        "$0",
        "$1,235",
        "$12,345,678",
        "−$0.5",
    ]


def test_what_only_programs_read_is_not_shown_to_people() -> None:
    table = Table("t", "T", (Column("a", "A", "text"), Column("b", "B", "count", plain=True)), ((Label("x", "x"), 77),))
    assert "77" not in on_screen(table)
    assert "77" not in render_html([table], "t", [])
    assert "77" in render_json([table])
    assert "77" in render_csv([table])
