"""What a gateway finds out of its own traffic, through the spool to the ledger."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import msgspec
import pytest

from entrepot.exchange.outcome_plan import Judging, OutcomePlan, SampledCheck
from entrepot.exchange.plan import Route
from entrepot.exchange.records import Entry
from entrepot.ledger.sqlite import open_sqlite_reader
from entrepot.policy.budgets import Budget
from entrepot.policy.rules import Facts, Rule, When
from entrepot.routing.validator import Validator
from tests.end_to_end.world import World, eventually, world

pytestmark = pytest.mark.end_to_end

CHECKS = (
    SampledCheck("some-words", Validator(regex="[a-z]+")),
    SampledCheck("zebra", Validator(python="'zebra' in answer")),
)
WRITE = "VERDICT: RIGHT"  # stand-ins say again what they are asked, judges too
UNREAD = {"x_entrepot_no_store": "1"}
QUESTION = "How many boxes of tea are left in the northern store?"


def outcomes(entrepot: World) -> dict[tuple[str, str, str], float]:
    """By exchange, source and name."""
    with open_sqlite_reader(entrepot.directory) as reader:
        return {(one.exchange, one.source, one.who): one.score for one in reader.told()}


def test_checks_and_signs_say_what_they_find_and_clients_notice_nothing(tmp_path: Path) -> None:
    route = Route("checked", ("cheap/small", "dear/large"), outcomes=OutcomePlan(checks=CHECKS))
    quiet = Route("quiet", ("cheap/small", "dear/large"), outcomes=OutcomePlan(signs=False))
    with world(tmp_path / "ledger", routes=(route, quiet)) as entrepot:
        _, first, answer = entrepot.chat("checked", QUESTION)
        _, again, streamed = entrepot.chat("checked", QUESTION, stream=True)
        assert streamed.endswith(b"data: [DONE]\n\n")
        said = answer["choices"][0]["message"]
        turns = [
            {"role": "user", "content": QUESTION},
            said,
            {"role": "user", "content": QUESTION.replace("tea", "black tea")},
        ]
        _, third, _ = entrepot.chat("checked", messages=turns)
        _, unread, _ = entrepot.chat("checked", "Something else entirely.", headers=UNREAD)
        for _ in range(2):
            entrepot.chat("quiet", QUESTION)

        ids = [each["x-entrepot-exchange"] for each in (first, again, third)]
        wanted = {(id_, "check", "some-words"): 1.0 for id_ in ids} | {(id_, "check", "zebra"): 0.0 for id_ in ids}
        wanted |= {(ids[0], "sign", "regenerated"): 0.0, (ids[1], "sign", "rephrased"): 0.0}
        assert eventually(lambda: len(outcomes(entrepot)) >= len(wanted), 20)
        assert outcomes(entrepot) == wanted
        assert unread["x-entrepot-exchange"] not in ids
        _, _, page = entrepot.request("//metrics", key=None)
        assert b'entrepot_outcomes_total{source="check"} 6' in page
        assert b'entrepot_outcomes_total{source="sign"} 2' in page
        assert msgspec.json.encode(QUESTION)[1:-1] not in b"".join(
            path.read_bytes() for path in entrepot.directory.rglob("*") if path.is_file()
        )


def test_judges_are_asked_as_exchanges_of_their_own_within_rules_and_budget(tmp_path: Path) -> None:
    judging = Judging(1.0, ("dear/large", "yuan/middle"), "good")
    route = Route("judged", ("cheap/small",), outcomes=OutcomePlan(judging=judging))
    budget = Budget("judges", Decimal("0.5"), "day", key="judges")
    only_here = Rule("personal stays in CN", When(data_classes=("personal",)), require=Facts(region=("CN",)))
    with world(tmp_path / "ledger", routes=(route,), budgets=(budget,), rules=(only_here,)) as entrepot:
        assert eventually(lambda: entrepot.chat("judged", "Are you ready?", headers=UNREAD)[0] == 200, 20)
        _, first, _ = entrepot.chat("judged", WRITE)
        _, second, _ = entrepot.chat("judged", f"To Mr Li. {WRITE}", headers={"x_entrepot_data_class": "personal"})
        ids = [each["x-entrepot-exchange"] for each in (first, second)]
        wanted = {(ids[0], "judge", "large"), (ids[0], "judge", "middle"), (ids[1], "judge", "middle")}
        assert eventually(lambda: outcomes(entrepot).keys() >= wanted, 30)
        assert outcomes(entrepot) == dict.fromkeys(wanted, 1.0)
        with open_sqlite_reader(entrepot.directory) as reader:
            asked = [msgspec.msgpack.decode(document, type=Entry) for document in reader.documents()]
        errands = [entry for entry in asked if entry.key == "judges"]
        assert sorted(entry.served.deployment for entry in errands if entry.served is not None) == [
            "dear/large", "dear/large", "yuan/middle", "yuan/middle", "yuan/middle", "yuan/middle",
        ]  # fmt: skip
        assert all(entry.cost_nano_usd and "judging" in entry.tags and entry.route is None for entry in errands)
        assert sum("personal" in entry.data_classes for entry in errands) == 2


def test_what_judging_may_cost_a_day_is_not_overrun(tmp_path: Path) -> None:
    route = Route("judged", ("cheap/small",), outcomes=OutcomePlan(judging=Judging(1.0, ("dear/large",), "good")))
    budget = Budget("judges", Decimal("0.000001"), "day", key="judges")
    with world(tmp_path / "ledger", routes=(route,), budgets=(budget,)) as entrepot:
        assert entrepot.chat("judged", WRITE)[0] == 200
        missed = b'entrepot_outcomes_missed_total{why="not_judged"} 1'
        assert eventually(lambda: missed in entrepot.request("//metrics", key=None)[2], 20)
        assert eventually(lambda: "judges" in spent(entrepot))
        assert spent(entrepot)["judges"] == (0, 0)
        assert outcomes(entrepot) == {}


def spent(entrepot: World) -> dict[str | None, tuple[int, int]]:
    """Exchanges that were completed and their cost, by key."""
    with open_sqlite_reader(entrepot.directory) as reader:
        groups = reader.totals_by(("key",))
    return {group.values[0]: (group.sums.completed, group.sums.cost_nano_usd) for group in groups}
