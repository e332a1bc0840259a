"""What is read of entries: estimates to the last bit, who asked, what was used; and no more."""

from __future__ import annotations

import msgspec
import numpy as np

from entrepot.exchange.demoting import SLOW
from entrepot.exchange.records import Deliberation
from entrepot.reports.scenario.columns import BY_GOAL, BY_NAME, REJECTED, UNKNOWN, read_columns
from entrepot.routing.utility import Decision, Weighed
from tests.reports.scenario.office import DEAR, IDS, Office


def encoded(office: Office) -> list[bytes]:
    return [msgspec.msgpack.encode(entry) for entry in office.entries]


def test_estimates_are_read_to_the_last_bit() -> None:
    office = Office()
    found = office.ask("7")
    assert found is not None
    read = read_columns(encoded(office))
    names = [read.deployments[place] for place in read.by_candidate["deployment"].tolist()]
    assert names == [one.deployment for one in found.decision.candidates]
    assert read.by_candidate["p_correct"].tolist() == [one.p_correct for one in found.decision.candidates]
    assert read.by_candidate["output_tokens"].tolist() == [one.output_tokens for one in found.decision.candidates]
    assert read.by_entry["worth_usd"].tolist() == [found.decision.worth_usd]


def test_who_asked_for_what_and_what_was_used_is_read() -> None:
    office = Office()
    office.ask("7", team="legal", tags=["secret"], wrote=123, n=2, max_output_tokens=50)
    office.ask("7", model="sol")
    read = read_columns(encoded(office))
    first, second = (read.kinds[number] for number in read.by_entry["kind"].tolist())
    assert (first.asked, first.route, first.team, first.tags) == ("auto", "auto", "legal", ("secret",))
    assert first.needs == ("multiple_choices",)
    assert (second.asked, second.route, second.goal) == ("sol", None, None)
    assert read.by_entry["how"].tolist() == [BY_GOAL, BY_NAME]
    assert read.by_entry["wrote"].tolist() == [123, 200]
    assert read.by_entry["answers"].tolist() == [2, 1]
    assert read.by_entry["longest"].tolist() == [50, UNKNOWN]
    assert not read.by_entry["several"].any()


def test_an_entry_without_a_decision_is_left_out_and_counted() -> None:
    office = Office()
    office.ask("7")
    bare = msgspec.structs.replace(office.entries[0], decision=None)
    nobody = msgspec.structs.replace(bare, decision=Decision((), (Weighed("a/b", "b", rejected="denied"),), "nobody"))
    read = read_columns(msgspec.msgpack.encode(one) for one in (bare, office.entries[0], nobody))
    assert (len(read), read.left_out) == (1, 2)


def test_an_entry_of_an_earlier_version_has_the_tokens_that_were_counted_for_its_input() -> None:
    office = Office()
    office.ask("7")
    entry = msgspec.structs.replace(office.entries[0], grounds=None)
    read = read_columns([msgspec.msgpack.encode(entry)])
    assert entry.usage is not None
    assert read.by_entry["input_tokens"].tolist() == [entry.usage.all_input]
    assert not read.kinds[0].whole
    assert np.isnan(read.by_entry["difficulty"]).all()


def test_a_candidate_that_was_too_slow_is_kept_and_one_that_was_denied_is_not() -> None:
    office = Office()
    office.ask("7")
    decision = office.entries[0].decision
    assert decision is not None
    slow, denied = Weighed(IDS[0], "flash", rejected=f"{SLOW} 9.0 s"), Weighed(IDS[1], "flash", rejected="denied")
    told = msgspec.structs.replace(decision, order=(DEAR.id,), candidates=(slow, denied, *decision.candidates[:1]))
    read = read_columns([msgspec.msgpack.encode(msgspec.structs.replace(office.entries[0], decision=told))])
    assert read.by_candidate["told"].tolist()[0] == REJECTED
    assert read.by_entry["count"].tolist() == [2]


def test_an_exchange_that_asked_several_models_says_so() -> None:
    office = Office()
    office.ask("7")
    entry = office.entries[0]
    two = (entry.attempts[0], msgspec.structs.replace(entry.attempts[0], number=1, answered=False, cost_nano_usd=70))
    several = msgspec.structs.replace(entry, attempts=two, deliberation=Deliberation("agreement", "two agree"))
    read = read_columns([msgspec.msgpack.encode(several), msgspec.msgpack.encode(entry)])
    assert read.by_entry["several"].tolist() == [True, False]
    assert read.by_entry["aside_nano_usd"].tolist() == [70, 0]
