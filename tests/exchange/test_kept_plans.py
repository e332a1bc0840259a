"""A plan that is kept says what one made anew would say, and is not kept where it might not."""

from __future__ import annotations

import json
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from entrepot.dialects.base import Asked
from entrepot.exchange.board import Board
from entrepot.exchange.choices import Choices
from entrepot.exchange.circumstance import UNSEEN, Seen
from entrepot.exchange.plan import Deadlines, Plan
from entrepot.exchange.planning import Planner
from entrepot.exchange.records import AttemptRecord
from entrepot.exchange.refusing import Refusal
from entrepot.exchange.steering import UNSTEERED, Steering
from entrepot.policy.rules import Facts, Principal, Rule, When
from tests.exchange.planners import ALICE, AUTO, DEPLOYMENTS, DIALECT, Even, a_planner
from tests.exchange.things import a_deployment, an_exchange_rate

SHORT = a_deployment("short/small", provider_country="DE", context_tokens=40)
BOB = Principal(key="bob", tags=frozenset({"personal"}))
RULES = (
    Rule("nobody-there", deny=Facts(provider_country=("US",)), when=When(data_classes=("secret",))),
    Rule("personal-stays", require=Facts(on_premises=True), when=When(tags=("personal",))),
)
CHINESE = Rule("chinese-elsewhere", deny=Facts(provider_country=("CN",)), when=When(languages=("zh",)))


def fresh(board: Board | None = None, rules: tuple[Rule, ...] = RULES) -> Planner:
    choices = Choices(
        deployments=(*DEPLOYMENTS, SHORT),
        routes=(AUTO,),
        rules=rules,
        exchange_rates=an_exchange_rate(),
        dialects={DIALECT.name: DIALECT},
        router=Even(),
        facts={},
    )
    return Planner(choices, Deadlines(), board=board)


def ask(model: str, text: str, **more: Any) -> Asked:
    body = {"model": model, "messages": [{"role": "user", "content": text}], **more}
    return DIALECT.parse_request(json.dumps(body).encode())


def plan(
    planner: Planner, asked: Asked, principal: Principal = ALICE, seen: Seen = UNSEEN, steering: Steering = UNSTEERED
) -> Plan | Refusal:
    return planner.plan(
        asked, DIALECT, principal, steering, id="1", started_ns=7, started_s=3.0, upload_s=0.5, seen=seen
    )


def told(planned: Plan | Refusal) -> dict[str, Any]:
    """All that it says, but for the tally that a process shares."""
    if isinstance(planned, Refusal):
        return {"error": planned.error.message, "decision": planned.decision}
    said = {name: getattr(planned, name) for name in planned.__struct_fields__ if name != "allowances"}
    baseline = planned.baseline
    if baseline is not None:
        said["baseline"] = (baseline.candidate.deployment, baseline.output_tokens, baseline.log_error)
    return {**said, "candidates": [one.deployment for one in planned.candidates]}


texts = st.sampled_from(["hello there", "what is the name of the street", "你好，世界", "x" * 150, "x" * 400, ""])
models = st.sampled_from(["auto", "large", "dear/large", "cheap/small", "short/small", "home/通义", "nobody"])
more: st.SearchStrategy[dict[str, Any]] = st.sampled_from(
    [
        {},
        {"max_tokens": 9},
        {"n": 2},
        {"tools": [{"type": "function", "function": {"name": "f"}}]},
        {"logprobs": True},
        {"response_format": {"type": "json_object"}},
    ]
)
seens = st.sampled_from([UNSEEN, UNSEEN, Seen(data_classes=frozenset({"secret"})), Seen(region="FR")])
steerings = st.sampled_from([UNSTEERED, UNSTEERED, Steering(tags=frozenset({"personal"})), Steering(max_loss=0.5)])
requests = st.tuples(models, texts, more, st.sampled_from([ALICE, BOB]), seens, steerings)


@settings(deadline=None)
@given(st.lists(requests, min_size=2, max_size=8), st.sampled_from([RULES, (*RULES, CHINESE)]))
def test_a_kept_plan_says_what_one_made_anew_would(
    sequence: list[tuple[str, str, dict[str, Any], Principal, Seen, Steering]], rules: tuple[Rule, ...]
) -> None:
    keeping = fresh(rules=rules)
    for model, text, fields, principal, seen, steering in [*sequence, *sequence]:
        asked = ask(model, text, **fields)
        anew = plan(fresh(rules=rules), asked, principal, seen, steering)
        assert told(plan(keeping, asked, principal, seen, steering)) == told(anew)


def test_the_plan_of_a_name_with_one_host_is_kept_without_a_word_of_the_request() -> None:
    keeping = a_planner()
    first, second = (plan(keeping, ask("dear/large", text)) for text in ("my secret", "another"))
    assert isinstance(first, Plan)
    assert isinstance(second, Plan)
    assert first.candidates is second.candidates  # the one was made of the other
    assert second.asked.request.messages[0].text() == "another"
    assert b"my secret" not in msgspec.json.encode(msgspec.to_builtins(second.asked.request))


def test_a_plan_is_passed_over_while_a_deployment_is_ill() -> None:
    ill = AttemptRecord(1, "dear/large", "large", "dear", 500, 10.0, failure="server_error")
    board = Board()
    keeping = fresh(board)
    asked = ask("dear/large", "hello")
    plan(keeping, asked)
    for _ in range(20):
        board.learn(ill, 1.0)
    assert not board.is_calm
    assert told(plan(keeping, asked)) == told(plan(fresh(board), asked))


def test_a_kept_plan_earns_its_share_of_retries() -> None:
    board = Board()
    board.allowances.retries.left = 0.0
    keeping = fresh(board)
    left = []
    for _ in range(3):
        plan(keeping, ask("dear/large", "hello"))
        left.append(board.allowances.retries.left)
    assert left[0] < left[1] < left[2]
