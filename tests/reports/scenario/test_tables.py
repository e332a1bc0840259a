"""What is printed: today and the scenario side by side, who is left without anybody, and what was assumed."""

from __future__ import annotations

import msgspec
from rich.console import Console

from entrepot.policy.rules import Facts, Rule, When
from entrepot.reports.render import Label, Table, render_json, render_terminal
from entrepot.reports.scenario.compare import Comparison, Replay, Segment
from entrepot.reports.scenario.exits import rank_exits
from entrepot.reports.scenario.tables import ASSUMED, tabulate_comparison, tabulate_exits
from entrepot.reports.svg import render_svg
from entrepot.reports.wording import ENGLISH, words_of
from entrepot.routing.utility import Goal
from tests.reports.scenario.office import DEAR, Office, auto

RESIDENCY = Rule("residency", When(teams=("legal",)), deny=Facts(provider_country=("US", "LOCAL")))
BAR = Rule("no China", deny=Facts(maker_country=("CN",)))


def an_office() -> Office:
    office = Office(auto(Goal(max_loss=0.2), sessions=False), [RESIDENCY])
    for number in range(20):
        office.ask(str(number), team=("sales", "legal")[number % 2])
    office.ask("7", model=DEAR.id)
    return office


def a_comparison() -> Comparison:
    office = an_office()
    return Replay(office.decisions, office.today).compare([Segment(office.today.barring(BAR))])


def rows(table: Table) -> dict[str, tuple[object, ...]]:
    return {str(row[0].name): row[1:] for row in table.rows if isinstance(row[0], Label)}


def printed(table: Table) -> str:
    console = Console(width=200, record=True, file=None, quiet=False)
    with console.capture() as capture:
        console.print(render_terminal(table))
    return capture.get()


def test_the_figures_stand_side_by_side() -> None:
    comparison = a_comparison()
    figures, shares, stranded = tabulate_comparison("No model from China", comparison)
    told = rows(figures)
    assert told["answered"][:3] == (21, 11, -10)
    assert told["nobody"][:3] == (0, 10, 10)
    assert set(told) == {"answered", "nobody", "cost", "cost_both", "cost_per_exchange", "quality"}
    assert sum(row[0] for row in rows(shares).values() if isinstance(row[0], float)) == 1.0
    assert rows(stranded)["auto"][1] == 10
    text = printed(stranded)
    assert "'residency'" in text
    assert "'no China'" in text
    assert "legal" in text


def test_every_assumption_and_everything_left_out_is_said() -> None:
    comparison = msgspec.structs.replace(a_comparison(), left_out=3, unnamed=2, several=4)
    notes = tabulate_comparison("x", comparison)[0].notes
    assert {ENGLISH(key) for key in ASSUMED} <= set(notes)
    for told in (
        "3 entries hold no decision",
        "2 decisions are about names",
        "4 exchanges asked several",
        "21 decisions from",
    ):
        assert any(note.startswith(told) for note in notes), told
    assert any("100.0% go to whom they went" in note for note in notes)


def test_programs_get_money_in_whole_nano_dollars() -> None:
    tables = tabulate_comparison("x", a_comparison())
    document = msgspec.json.decode(render_json(tables))
    cost = next(row for row in document["tables"][0]["rows"] if row["figure"] == "cost")
    assert cost["today"]["unit"] == "nano_usd"
    assert cost["today"]["value"] == round(cost["today"]["value"])


def test_the_exit_plan_says_of_each_provider_what_its_loss_costs_and_who_has_no_way_out() -> None:
    office = an_office()
    exits = rank_exits(Replay(office.decisions, office.today))
    table = tabulate_exits(exits)
    assert list(rows(table)) == [one.provider for one in exits]
    text = printed(table)
    assert "Without openai: 1 exchanges of openai/sol (team sales), for there is no other candidate." in text


def test_in_chinese_nothing_is_left_in_english() -> None:
    office = an_office()
    replay = Replay(office.decisions, office.today)
    chinese = words_of("zh")
    comparison = replay.compare([Segment(office.today.barring(BAR))])
    tables = (*tabulate_comparison("禁用", comparison, chinese), tabulate_exits(rank_exits(replay), chinese))
    english = set(ENGLISH.sentences.values())
    for table in tables:
        names = [row[0].text for row in table.rows if isinstance(row[0], Label)]
        assert english.isdisjoint([table.title, *(column.title for column in table.columns), *names, *table.notes])
    assert "“residency”" in printed(tables[2])


def test_the_exit_plan_is_drawn() -> None:
    office = an_office()
    alone, costs = tabulate_exits(rank_exits(Replay(office.decisions, office.today))).charts
    assert "<svg" in render_svg(alone)
    assert "<svg" in render_svg(costs)
