from __future__ import annotations

import json

from entrepot.simulator.keyed import KeyedJudge, tasks_of
from entrepot.simulator.minds import Memory
from entrepot.simulator.models import Solver
from entrepot.simulator.plan import AnswerKey, Plan, StandInModel
from entrepot.simulator.tasks import TaskTable

KEYS = tuple(AnswerKey(f"k{n}", f"第{n}题：合计是多少？", f"{n},500元") for n in range(1, 200))
ABLE, WEAK = StandInModel("able", skill=3.0), StandInModel("weak", skill=-0.5)


def rate(model: StandInModel) -> float:
    mind = Memory(Plan(keys=KEYS)).mind(model)
    return sum(mind.think(key.prompt, 0).text == key.answer for key in KEYS) / len(KEYS)


def test_stand_ins_know_the_keys_and_slip_by_their_skill() -> None:
    assert 0.85 < rate(ABLE) < 1
    assert 0.3 < rate(WEAK) < rate(ABLE) - 0.1


def test_a_slip_is_never_the_right_answer_and_looks_like_one() -> None:
    keys = [
        AnswerKey("a", "x", "12,500.50"),
        AnswerKey("b", "x", json.dumps({"客户": "海川", "急": True})),
        AnswerKey("c", "x", "B"),
        AnswerKey("d", "x", "何晓燕"),
        AnswerKey("e", "x", "Ama Boateng"),
    ]
    tasks = tasks_of(keys, 1)
    assert all(task.answer not in task.wrong and task.wrong for task in tasks)
    assert all("." in wrong for wrong in tasks[0].wrong)
    assert set(json.loads(tasks[1].wrong[0])) == {"客户", "急"}
    assert set(tasks[2].wrong) == {"A", "C", "D"}
    assert [task.language for task in tasks_of(KEYS[:1], 1)] == ["zh"]


def test_the_answer_stands_alone() -> None:
    solver = Solver(ABLE, TaskTable(tasks_of(KEYS, 1)), 1, 1.0)
    assert all(solver.think(key.prompt, 0).text == solver.think(key.prompt, 0).answer for key in KEYS[:20])


def test_as_a_judge_it_prefers_the_right_answer_mostly() -> None:
    table = TaskTable(tasks_of(KEYS, 1))
    judge = KeyedJudge(Solver(ABLE, table, 1, 1.0), table)

    def verdict(key: AnswerKey, *parts: tuple[str, str]) -> str:
        shown = (("request", key.prompt), *parts)
        prompt = "\n\n".join(f"<ab12 {name}>\n{text}\n</ab12 {name}>" for name, text in shown)
        return judge.think(prompt, 0).text.rpartition(": ")[2]

    firsts = [verdict(key, ("first answer", key.answer), ("second answer", "x")) for key in KEYS]
    seconds = [verdict(key, ("first answer", "x"), ("second answer", key.answer)) for key in KEYS]
    rights = [verdict(key, ("answer", key.answer), ("known", "…")) for key in KEYS]
    assert firsts.count("FIRST") > 0.8 * len(KEYS) > firsts.count("SECOND") > 0
    assert seconds.count("SECOND") == firsts.count("FIRST")
    assert rights.count("RIGHT") == firsts.count("FIRST")
    assert verdict(KEYS[0], ("first answer", "x"), ("second answer", "y")) == "TIE"


def test_what_it_does_not_know_it_echoes() -> None:
    assert "You wrote: hello" in Memory(Plan(keys=KEYS)).mind(ABLE).think("hello", 0).text
