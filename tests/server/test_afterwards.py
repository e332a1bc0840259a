from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Iterable
from typing import Any

import msgspec
import pytest

from entrepot.canonical.fold import unfold
from entrepot.canonical.request import Part, Refusal, Text, ToolCall
from entrepot.canonical.response import Choice, FinishReason, Response, Usage
from entrepot.errors import LedgerError
from entrepot.exchange.entries import served_by
from entrepot.exchange.outcome import SIGN_WEIGHT, Outcome, OutcomeSource
from entrepot.exchange.outcome_plan import Judging, OutcomePlan, SampledCheck, Shadowing
from entrepot.exchange.plan import Plan
from entrepot.exchange.sessions import recognise, remember
from entrepot.ledger.checks import sample_entry
from entrepot.routing.validator import Validator, Verdict
from entrepot.server import afterwards as module
from entrepot.server.afterwards import MOST_WAITING, Afterwards, Missed
from entrepot.server.judging import Case
from entrepot.server.shadows import Due, Pairing
from entrepot.server.witness import MOST_BYTES, Witness
from tests.exchange.talks import Shelf
from tests.exchange.transcript import candidate, plan_for
from tests.server.test_witness import Listener

DIGITS = SampledCheck("digits", Validator(regex="^[0-9]+$"))
CANDIDATE = candidate("a/m")


class Found:
    """What came of exchanges, and what did not."""

    def __init__(self) -> None:
        self.outcomes: list[Outcome] = []
        self.counted: Counter[str] = Counter()

    def keep(self, outcome: Outcome) -> None:
        self.outcomes.append(outcome)

    def kept(self, source: OutcomeSource) -> None:
        self.counted[source] += 1

    def missed(self, why: Missed) -> None:
        self.counted[why] += 1


class Judge:
    """Says of every answer how long it is."""

    def __init__(self) -> None:
        self.cases: list[Case] = []

    async def judge(self, case: Case) -> list[Outcome]:
        self.cases.append(case)
        return [Outcome("j", case.plan.id, 1, "judge", "m", len(case.answer) / 10)] if case.answer else []


def plan(number: int = 0, **asked: Any) -> Plan:
    return msgspec.structs.replace(plan_for(CANDIDATE, **asked), id=f"00000000-0000-7000-8000-{number:012x}")


def answered(
    after: Afterwards, witness: Witness, *parts: Part, reason: FinishReason = "stop", state: Any = "completed"
) -> None:
    """The exchange goes its way, and is over."""
    response = Response("r", "m", 7, (Choice(0, parts, reason),), Usage(1, output_tokens=1))
    renderer = witness.plan.client.open_renderer(witness.plan.asked, 7)
    for event in unfold(response):
        witness.send(None, renderer.render([event]), False)
    served = served_by(CANDIDATE.deployment)
    after.hear(msgspec.structs.replace(sample_entry(0), id=witness.plan.id, state=state, served=served))
    after.take(witness)


async def told(after: Afterwards, found: Found, number: int) -> list[tuple[str, str, float | None]]:
    """What was found out, once so much was."""
    async with asyncio.timeout(10):
        while found.counted.total() < number:
            await asyncio.sleep(0.001)
    await after.close()
    return [(one.source, one.who, one.score) for one in found.outcomes]


def wanting(found: Found, **wanted: Any) -> Afterwards:
    return Afterwards({"auto": OutcomePlan(**wanted)}, found.keep, found)


def seen(after: Afterwards, plan: Plan, *, may_read: bool = True) -> Witness:
    witness = after.witness(Listener(), plan, may_read=may_read)
    assert witness is not None
    return witness


async def test_a_check_of_the_route_says_what_it_finds_once_the_answer_is_sent() -> None:
    found = Found()
    after = wanting(found, checks=(DIGITS, SampledCheck("words", Validator(regex="[a-z]"))))
    answered(after, seen(after, plan()), Text("42"))
    assert sorted(await told(after, found, 2)) == [("check", "digits", 1.0), ("check", "words", 0.0)]
    assert {one.exchange for one in found.outcomes} == {plan().id}
    assert {one.weight for one in found.outcomes} == {1.0}


@pytest.mark.parametrize(
    ("parts", "reason"), [((Text("42"),), "length"), ((Refusal("no"),), "stop"), ((Text("42"),), "content_filter")]
)
async def test_what_is_cut_short_or_refused_has_failed(parts: tuple[Part, ...], reason: FinishReason) -> None:
    found = Found()
    after = wanting(found, checks=(DIGITS,))
    answered(after, seen(after, plan()), *parts, reason=reason)
    assert await told(after, found, 1) == [("check", "digits", 0.0)]


async def test_an_answer_that_calls_tools_is_none_yet() -> None:
    found = Found()
    after = wanting(found, checks=(DIGITS,))
    answered(after, seen(after, plan()), ToolCall("c", "look_up", "{}"), reason="tool_calls")
    answered(after, seen(after, plan(1)), Text("7"))
    assert await told(after, found, 1) == [("check", "digits", 1.0)]
    assert found.outcomes[0].exchange == plan(1).id


async def test_a_check_that_cannot_be_made_is_counted_and_is_nobodys_wrong_answer() -> None:
    found = Found()

    async def check(validator: Validator, text: str) -> Verdict:
        if text == "1":
            raise OSError("no process")
        return Verdict(False, "its file is gone", conclusive=False)

    after = Afterwards({"auto": OutcomePlan(checks=(DIGITS,))}, found.keep, found, check=check)
    for number in (1, 2):
        answered(after, seen(after, plan(number)), Text(str(number)))
    assert await told(after, found, 2) == []
    assert found.counted == {"check_failed": 2}


def test_a_share_of_the_exchanges_is_drawn_by_their_ids() -> None:
    after = wanting(Found(), checks=(msgspec.structs.replace(DIGITS, share=0.3),))
    drawn = [after.witness(Listener(), plan(number), may_read=True) is not None for number in range(1000)]
    assert 240 < sum(drawn) < 360
    assert drawn == [after.witness(Listener(), plan(number), may_read=True) is not None for number in range(1000)]


class Unasked:
    """Asks nobody beside, and could."""

    def take(self, due: Due, pair: Pairing) -> None:
        raise AssertionError(due)


def test_a_route_and_a_trial_ask_beside_by_lots_of_their_own_and_other_plans_hold_from_the_next_exchange() -> None:
    found = Found()
    own, trial = Shadowing(("a/m",), 0.5, "checks"), Shadowing(("b/m",), 0.5, "checks", trial="t")
    after = wanting(found, shadow=own)
    after.shadows = Unasked()  # type: ignore[assignment]  # nobody is asked before an exchange is over
    after.adopt({"auto": OutcomePlan(shadow=own, trial=trial)})
    drawn = [after.witness(Listener(), plan(number), may_read=True) for number in range(400)]
    lots = Counter(() if one is None else one.shadows for one in drawn)
    assert lots.keys() == {(), (own,), (trial,), (own, trial)}
    assert min(lots.values()) > 60
    after.adopt({"auto": OutcomePlan()})
    assert all(after.witness(Listener(), plan(number), may_read=True) is None for number in range(20))


def test_nothing_is_read_where_nothing_may_be_kept() -> None:
    after = wanting(Found(), checks=(DIGITS,), judging=Judging(1.0, ("j/j",), "good"))
    assert after.witness(Listener(), plan(), may_read=False) is None
    assert after.witness(Listener(), msgspec.structs.replace(plan(), route=None), may_read=True) is None
    wanted = seen(after, plan())
    assert (wanted.checks, wanted.judged, wanted.reads) == ((DIGITS,), True, True)


@pytest.mark.parametrize(("text", "signs"), [('{"a": 1}', []), ("```json\n{}\n```", ["bad_json"]), ("{", ["bad_json"])])
async def test_an_answer_that_is_not_the_json_asked_for_is_a_sign(text: str, signs: list[str]) -> None:
    found = Found()
    after = wanting(found, checks=(DIGITS,))
    answered(after, seen(after, plan(response_format={"type": "json_object"})), Text(text))
    outcomes = await told(after, found, 1 + len(signs))
    assert [who for source, who, _ in outcomes if source == "sign"] == signs
    assert [one.weight for one in found.outcomes if one.source == "sign"] == [SIGN_WEIGHT] * len(signs)


async def test_judges_are_given_the_answer_and_who_gave_it() -> None:
    found = Found()
    after = wanting(found, judging=Judging(1.0, ("j/j",), "good"))
    judge = after.court = Judge()
    answered(after, seen(after, plan()), Text("42"))
    answered(after, seen(after, plan(1)), Text(""))
    assert await told(after, found, 2) == [("judge", "m", 0.2)]
    assert [(case.answer, case.deployment) for case in judge.cases] == [("42", "a/m"), ("", "a/m")]
    assert found.counted == {"judge": 1, "not_judged": 1}


async def test_without_a_court_nothing_is_judged_and_that_is_counted() -> None:
    found = Found()
    after = wanting(found, judging=Judging(1.0, ("j/j",), "good"))
    answered(after, seen(after, plan()), Text("42"))
    assert await told(after, found, 1) == []
    assert found.counted == {"not_judged": 1}


async def test_what_was_not_completed_or_is_too_long_is_not_read_and_counted() -> None:
    found = Found()
    after = wanting(found, checks=(DIGITS,))
    answered(after, seen(after, plan()), Text("42"), state="client_gone")
    answered(after, seen(after, plan(1)), Text("4" * MOST_BYTES))
    assert await told(after, found, 2) == []
    assert found.counted == {"unread": 1, "too_long": 1}


async def test_what_does_not_fit_the_queue_is_counted_and_delays_nothing() -> None:
    found = Found()
    after = wanting(found, checks=(DIGITS,))
    for number in range(MOST_WAITING + 3):
        answered(after, seen(after, plan(number)), Text("42"))
    assert found.counted == {"queue_full": 3}
    await told(after, found, MOST_WAITING + 3)
    assert found.counted == {"queue_full": 3, "check": MOST_WAITING}


async def test_bytes_that_wait_are_bounded_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_WAITING_BYTES", 1000)
    found = Found()
    after = wanting(found, checks=(DIGITS,))
    for number, length in enumerate((500, 900, 1)):
        answered(after, seen(after, plan(number)), Text("4" * length))
    assert found.counted["queue_full"] >= 1
    await told(after, found, 3)
    answered_again = wanting(found, checks=(DIGITS,))
    answered(answered_again, seen(answered_again, plan(9)), Text("4"))
    await told(answered_again, found, 4)
    assert found.counted["check"] >= 2


async def test_a_gateway_that_stops_counts_what_waited() -> None:
    found = Found()
    after = wanting(found, checks=(DIGITS,))
    for number in range(5):
        answered(after, seen(after, plan(number)), Text("42"))
    await after.close()
    assert found.counted == {"queue_full": 5}
    await Afterwards({}, found.keep, found).close()


async def test_an_outcome_that_cannot_be_written_is_counted() -> None:
    found = Found()

    def full(_: Outcome) -> None:
        raise LedgerError("no room")

    after = Afterwards({"auto": OutcomePlan(checks=(DIGITS,))}, full, found)
    answered(after, seen(after, plan()), Text("42"))
    await told(after, found, 1)
    assert found.counted == {"unwritten": 1}


def talk(memory: Shelf, number: int, messages: Iterable[dict[str, Any]], at_s: float) -> Plan:
    """The plan of a turn, and what is remembered of it once it was answered."""
    made = plan(number)
    body = json.dumps({"model": "auto", "messages": [*messages]}).encode()
    asked = made.client.parse_request(body)
    session = recognise(asked.request, made.principal, None, memory, (), at_s)
    attempt = sample_entry(0).attempts[0]
    kept = remember(session, attempt, None, None, at_s + 1, completed=True, exchange=made.id)
    for key in session.keys:
        memory.keep(key, kept)
    return msgspec.structs.replace(made, asked=asked, session=session)


FIRST = {"role": "user", "content": "How do I reset the password of my router?"}
AGAIN = {"role": "user", "content": "how do i reset the password of the router?"}
NEXT = {"role": "user", "content": "Thank you. Who invented the router, and when?"}
ANSWER = {"role": "assistant", "content": "Turn it off and on again."}


async def test_what_the_next_turn_shows_is_said_of_the_exchange_before() -> None:
    found, memory = Found(), Shelf()
    after = wanting(found)
    first = talk(memory, 1, [FIRST], 10.0)
    assert after.witness(Listener(), first, may_read=True) is None
    for number, turns in ((2, [FIRST]), (3, [FIRST, ANSWER, AGAIN]), (4, [FIRST, ANSWER, AGAIN, ANSWER, NEXT])):
        turn = talk(memory, number, turns, 10.0 * number)
        answered(after, seen(after, turn, may_read=False), Text("It is easy."))
    await told(after, found, 2)
    assert [(one.who, one.exchange[-1], one.score, one.weight) for one in found.outcomes] == [
        ("regenerated", "1", 0.0, SIGN_WEIGHT),
        ("rephrased", "2", 0.0, SIGN_WEIGHT),
    ]


async def test_a_program_that_asks_on_schedule_is_dissatisfied_with_nothing() -> None:
    found, memory = Found(), Shelf()
    after = wanting(found)
    for number in range(12):
        turn = talk(memory, number, [FIRST], 10.0 * number)
        witness = after.witness(Listener(), turn, may_read=True)
        if witness is not None:
            answered(after, witness, Text("It is easy."))
    await told(after, found, 5)
    assert found.counted == {"sign": 5}


def test_a_route_without_signs_sees_none() -> None:
    memory = Shelf()
    after = wanting(Found(), signs=False)
    talk(memory, 1, [FIRST], 10.0)
    assert after.witness(Listener(), talk(memory, 2, [FIRST], 20.0), may_read=True) is None
