from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec
import pytest

from entrepot.dialects.openai_chat import OpenAIChat
from entrepot.exchange.circumstance import UNSEEN, Seen
from entrepot.exchange.outcome import JUDGE_WEIGHT, Outcome
from entrepot.exchange.outcome_plan import Judging
from entrepot.exchange.plan import Plan, Route
from entrepot.exchange.planning import Planner
from entrepot.exchange.steering import Steering
from entrepot.policy.rules import Facts, Principal, Rule, When
from entrepot.server.judging import MOST_CHARS, Case, Jury, headers_of, question_of
from tests.exchange.planners import a_planner
from tests.exchange.things import a_deployment

ANSWERER = a_deployment("cheap/small", maker="deepseek", maker_country="CN")
OWN = a_deployment("judge/own", maker="deepseek", maker_country="CN", provider_country="CN")
OTHER = a_deployment("judge/other", maker="mistral", maker_country="FR", provider_country="FR")
THIRD = a_deployment("judge/third", maker="openai", maker_country="US", provider_country="US")
DEPLOYMENTS = (ANSWERER, OWN, OTHER, THIRD)
JURY = ("judge/own", "judge/other", "judge/third")
ALICE = Principal(key="alice", team="legal", tags=frozenset({"contracts"}))
Says = Callable[[str, str], str | None]


class Asked:
    """Judges that say what they are told to, by the deployment that is asked and what it is shown."""

    def __init__(self, says: Says) -> None:
        self.says = says
        self.bodies: list[Mapping[str, Any]] = []
        self.headers: list[dict[bytes, bytes]] = []

    async def __call__(self, body: Mapping[str, Any], headers: Sequence[tuple[bytes, bytes]]) -> str | None:
        self.bodies.append(body)
        self.headers.append(dict(headers))
        return self.says(body["model"], body["messages"][1]["content"])

    @property
    def judges(self) -> set[str]:
        return {body["model"] for body in self.bodies}


def planner(*rules: Rule) -> Planner:
    return a_planner(DEPLOYMENTS, routes=[Route("auto", ("cheap/small",))], rules=rules)


def a_plan(
    messages: Sequence[Mapping[str, Any]] = ({"role": "user", "content": "Is it valid?"},),
    by: Planner | None = None,
    seen: Seen = UNSEEN,
    principal: Principal = ALICE,
) -> Plan:
    asked = OpenAIChat.parse_request(json.dumps({"model": "auto", "messages": messages}).encode())
    found = (by or planner()).plan(
        asked, OpenAIChat(), principal, Steering(), id="an-exchange", started_ns=1, started_s=0.0, seen=seen
    )
    assert isinstance(found, Plan)
    return found


async def judged(
    says: Says | str, case: Case | None = None, jury: Sequence[str] = JURY, by: Planner | None = None
) -> tuple[list[Outcome], Asked]:
    said = says if callable(says) else lambda *_: f"Hm.\nVERDICT: {says}"
    ask, rules = Asked(said), by or planner()
    court = Jury({"auto": Judging(1.0, tuple(jury), "a rubric of the firm")}, DEPLOYMENTS, lambda: rules, ask)
    return await court.judge(case or Case(a_plan(by=rules), "It is.", "cheap/small")), ask


async def test_judges_of_other_makers_are_asked_twice_each_and_told_no_names() -> None:
    outcomes, ask = await judged("PARTLY")
    assert sorted((one.who, one.score, one.label, one.source) for one in outcomes) == [
        ("other", 0.5, "rubric", "judge"),
        ("third", 0.5, "rubric", "judge"),
    ]
    assert {one.exchange for one in outcomes} == {"an-exchange"}
    assert [one.weight for one in outcomes] == [JUDGE_WEIGHT / 2] * 2
    assert sorted(body["model"] for body in ask.bodies) == ["judge/other"] * 2 + ["judge/third"] * 2
    for body in ask.bodies:
        shown = body["messages"][1]["content"]
        assert "Is it valid?" in shown
        assert "It is." in shown
        assert "a rubric of the firm" in shown
        assert "small" not in json.dumps(body["messages"])
    orders = {
        shown.index("It is.") < shown.index("a rubric") for shown in (b["messages"][1]["content"] for b in ask.bodies)
    }
    assert orders == {True, False}


async def test_both_orders_of_a_pair_are_seen_and_who_prefers_a_place_prefers_nobody() -> None:
    case = Case(a_plan(), "It is.", "cheap/small", "It is not.", "judge/own")
    outcomes, _ = await judged("FIRST", case)
    assert [one.score for one in outcomes] == [0.5, 0.5]
    assert {one.label for one in outcomes} == {"pair"}

    def better(_: str, shown: str) -> str:
        return "VERDICT: FIRST" if shown.index("It is.\n") < shown.index("It is not.") else "VERDICT: SECOND"

    outcomes, ask = await judged(better, case)
    assert [one.score for one in outcomes] == [1.0, 1.0]
    assert not any("rubric" in body["messages"][1]["content"] for body in ask.bodies)


async def test_no_maker_judges_itself_alone() -> None:
    outcomes, ask = await judged("RIGHT", jury=("judge/own",))
    assert (outcomes, ask.bodies) == ([], [])
    outcomes, ask = await judged("RIGHT", jury=("judge/own", "judge/other"))
    assert ask.judges == {"judge/other"}
    assert [one.who for one in outcomes] == ["other"]


async def test_jurors_who_all_have_a_stake_judge_together_or_not_at_all() -> None:
    case = Case(a_plan(), "It is.", "cheap/small", "It is not.", "judge/other")
    jury = ("judge/own", "judge/other")
    outcomes, _ = await judged("TIE", case, jury)
    assert sorted(one.who for one in outcomes) == ["other", "own"]
    outcomes, ask = await judged(lambda judge, _: "VERDICT: TIE" if judge == "judge/own" else None, case, jury)
    assert (outcomes, ask.judges) == ([], set(jury))


@pytest.mark.parametrize("said", [None, "I cannot tell.", "VERDICT: FIRST"])
async def test_a_judge_without_a_verdict_of_the_kind_asked_for_says_nothing(said: str | None) -> None:
    outcomes, ask = await judged(lambda *_: said)
    assert outcomes == []
    assert len(ask.bodies) == 2, "one that is not answered is not asked in the other order"


@pytest.mark.parametrize(
    ("rule", "reached"),
    [
        (
            Rule("in Europe", When(data_classes=("personal",)), require=Facts(provider_country=("FR", "SG"))),
            {"judge/other"},
        ),
        (Rule("none of theirs", When(teams=("legal",)), deny=Facts(maker=("mistral",))), {"judge/third"}),
        (Rule("by route", When(routes=("auto",)), deny=Facts(provider_country=("US",))), {"judge/other"}),
        (Rule("by tag", When(tags=("contracts",)), deny=Facts(provider=("judge",))), set()),
        (Rule("by place", When(client_regions=("DE",)), deny=Facts(provider_country=("US",))), {"judge/other"}),
        (Rule("by key", When(keys=("alice",)), deny=Facts(deployment=("judge/third",))), {"judge/other"}),
        (Rule("of others", When(keys=("bob",)), deny=Facts(provider=("judge",))), {"judge/other", "judge/third"}),
    ],
    ids=lambda one: one.name if isinstance(one, Rule) else "",
)
async def test_no_judge_is_asked_that_the_exchange_itself_might_not_have_gone_to(rule: Rule, reached: set[str]) -> None:
    rules = planner(rule)
    seen = Seen(frozenset({"personal"}), client_regions=frozenset({"DE"}), region="DE")
    outcomes, ask = await judged("RIGHT", Case(a_plan(by=rules, seen=seen), "It is.", "cheap/small"), by=rules)
    assert ask.judges == reached
    assert {f"judge/{one.who}" for one in outcomes} == reached


async def test_a_judges_call_says_what_was_said_of_the_exchange_and_may_be_kept_nowhere() -> None:
    seen = Seen(frozenset({"personal", "法务"}), region="DE", client_regions=frozenset({"FR"}))
    _, ask = await judged("RIGHT", Case(a_plan(seen=seen), "It is.", "cheap/small"))
    for headers in ask.headers:
        assert headers[b"x-entrepot-no-store"] == b"1"
        assert headers[b"x-entrepot-tags"] == b"contracts,judging"
        assert set(headers[b"x-entrepot-data-class"].split(b",")) == {b"personal", b"%E6%B3%95%E5%8A%A1"}
        assert set(headers[b"x-entrepot-client-region"].split(b",")) == {b"DE", b"FR"}
    assert all(body["max_completion_tokens"] > 0 for body in ask.bodies)


def test_no_tag_of_the_exchange_gives_way_to_ours() -> None:
    plan = a_plan()
    many = frozenset(f"t{number}" for number in range(40))
    crowded = msgspec.structs.replace(plan, principal=msgspec.structs.replace(plan.principal, tags=many))
    assert len(dict(headers_of(crowded))[b"x-entrepot-tags"].split(b",")) == 40


async def test_what_a_judge_would_not_see_or_could_not_hold_is_not_judged() -> None:
    picture = {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}]}
    request = OpenAIChat.parse_request(json.dumps({"model": "auto", "messages": [picture]}).encode()).request
    assert question_of(request) is None
    outcomes, ask = await judged("RIGHT", Case(a_plan(), "x" * MOST_CHARS, "cheap/small"))
    assert (outcomes, ask.bodies) == ([], [])
    for case in (
        Case(msgspec.structs.replace(a_plan(), route="other"), "It is.", "cheap/small"),
        Case(msgspec.structs.replace(a_plan(), grounds=None), "It is.", "cheap/small"),
        Case(a_plan(), "It is.", "gone/away"),
    ):
        assert (await judged("RIGHT", case))[0] == []


def test_instructions_and_earlier_turns_are_named_as_such() -> None:
    messages = [
        {"role": "system", "content": "Answer in French."},
        {"role": "user", "content": "Hello"},
        {"role": "assistant", "content": "Bonjour"},
        {"role": "user", "content": "Is it valid?"},
    ]
    request = a_plan(messages).asked.request
    assert question_of(request) == (
        "[system]\nAnswer in French.\n\n[user]\nHello\n\n[assistant]\nBonjour\n\n[user]\nIs it valid?"
    )
