"""Who is in which arm of a trial, and that nobody changes it."""

from __future__ import annotations

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from entrepot.exchange.plan import Route
from entrepot.exchange.records import AttemptRecord
from entrepot.exchange.trying import give
from entrepot.policy.eligibility import Eligibility
from entrepot.policy.rules import Facts, Rule
from entrepot.routing.trial import OnTrial
from tests.exchange.talks import CHEAP, DEAR, MIDDLE, THREE, Talk

STAGES = (("1 %", 0.01), ("5 %", 0.05), ("20 %", 0.2))
TRIED = OnTrial("t", DEAR.id, "in", STAGES, 2, "salt")
ALL = Eligibility(THREE, (), THREE)


def arm(trial: OnTrial, session: str) -> str | None:
    trying = give(ALL, Route("auto", tuple(one.id for one in THREE), trial=trial), None, session).trying
    return None if trying is None else trying.arm


def test_each_stage_gives_its_share_to_the_new_arm_and_nobody_is_taken_back() -> None:
    sessions = [f"session {number}" for number in range(4000)]
    drawn = [
        {one for one in sessions if arm(msgspec.structs.replace(TRIED, number=number), one) == "new"}
        for number in range(3)
    ]
    assert drawn[0] <= drawn[1] <= drawn[2]
    for (_, share), found in zip(STAGES, drawn, strict=True):
        assert abs(len(found) - 4000 * share) < 5 * (4000 * share * (1 - share)) ** 0.5
    other = {one for one in sessions if arm(msgspec.structs.replace(TRIED, salt="another"), one) == "new"}
    assert len(other & drawn[2]) < 0.4 * len(other)


@given(st.text(min_size=1), st.sampled_from(["in", "out"]))
def test_the_arms_differ_by_the_deployment_alone(session: str, direction: str) -> None:
    trial = msgspec.structs.replace(TRIED, direction=direction)
    found = give(ALL, Route("auto", (), trial=trial), None, session)
    assert found.trying is not None
    left = {one.id for one in found.eligibility.allowed}
    asks = (found.trying.arm == "new") == (direction == "in")
    assert left == {CHEAP.id, MIDDLE.id, DEAR.id} - (set() if asks else {DEAR.id})
    assert found.trying.propensity == 0.2


def talk_in(want: str, **changes: object) -> tuple[Talk, str]:
    """A conversation whose first turn falls into this arm."""
    trial = msgspec.structs.replace(TRIED, **changes)
    for number in range(1000):
        talk = Talk(trial=trial)
        talk.header = f"session {number}"
        found = talk.turn("easy question")
        if found.trial is not None and found.trial.arm == want:
            return talk, found.decision.chosen
    raise AssertionError(want)


def test_a_session_stays_in_its_arm_when_the_share_grows_and_when_the_trial_is_full() -> None:
    for want in ("new", "running"):
        talk, begun = talk_in(want, number=0 if want == "running" else 2)
        assert (begun == DEAR.id) == (want == "new")
        for change in ({"number": 2}, {"number": 3, "standing": "full"}):
            later = Talk(memory=talk.memory, trial=msgspec.structs.replace(TRIED, **change))
            later.header, later.messages, later.now_s = talk.header, list(talk.messages), talk.now_s
            found = later.turn("easy again")
            assert found.trial is not None
            assert found.trial.arm == want
            assert found.trial.number == (0 if want == "running" else 2)
            assert (found.decision.chosen == DEAR.id) == (want == "new")


def test_a_session_that_began_before_the_trial_is_in_no_arm() -> None:
    before = Talk()
    before.header = "mine"
    before.turn("easy question")
    talk = Talk(memory=before.memory, trial=msgspec.structs.replace(TRIED, stages=(("99 %", 0.99),), number=0))
    talk.header, talk.messages, talk.now_s = before.header, list(before.messages), before.now_s
    found = talk.turn("easy again")
    assert found.trial is None
    assert found.decision.chosen == CHEAP.id


def test_a_rule_is_stronger_than_the_lot() -> None:
    rules = [Rule("no dear", deny=Facts(provider=("dear",)))]
    talk = Talk(rules=rules, trial=msgspec.structs.replace(TRIED, stages=(("99 %", 0.99),), number=0))
    found = talk.turn("easy question")
    assert found.trial is None
    assert DEAR.id not in found.eligible


def test_who_was_rolled_back_is_asked_by_nobody_but_for_an_answer_under_way() -> None:
    talk, _ = talk_in("new")
    back = Talk(memory=talk.memory, trial=msgspec.structs.replace(TRIED, standing="rolled back"))
    back.header, back.messages, back.now_s = talk.header, list(talk.messages), talk.now_s
    found = back.turn("easy again")
    assert (found.trial, DEAR.id in found.eligible) == (None, False)
    talk.calls()
    under_way = Talk(memory=talk.memory, trial=msgspec.structs.replace(TRIED, standing="rolled back"))
    under_way.header, under_way.messages, under_way.now_s = talk.header, list(talk.messages), talk.now_s
    assert under_way.returns().decision.chosen == DEAR.id


def test_a_deployment_that_is_unhealthy_is_not_asked_first_and_the_entry_says_whose_turn_it_was() -> None:
    talk, _ = talk_in("new")
    limited = AttemptRecord(0, DEAR.id, "large", "dear", 429, 10.0, failure="rate_limit", retry_after_s=600.0)
    talk.board.learn(limited, talk.now_s)
    found = talk.turn("easy again")
    assert found.trial is not None
    assert found.trial.arm == "new"
    assert found.decision.chosen != DEAR.id
