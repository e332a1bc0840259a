"""Days put together, and tables of entries by deployments."""

from __future__ import annotations

import msgspec
import numpy as np

from entrepot.reports.scenario.block import blocks, join
from entrepot.reports.scenario.columns import UNKNOWN, read_columns
from tests.reports.scenario.office import IDS, Office, auto


def an_office() -> Office:
    office = Office(auto(sessions=False))
    for number in range(12):
        office.ask(str(number), team=("sales", "legal")[number % 2], model=("auto", "sol", "flash")[number % 3])
    return office


def test_two_days_together_are_as_if_read_at_once() -> None:
    office = an_office()
    documents = [msgspec.msgpack.encode(entry) for entry in office.entries]
    whole, parts = read_columns(documents), join([read_columns(documents[:5]), read_columns(documents[5:])])
    assert set(parts.kinds) == set(whole.kinds)
    for name in ("started_ns", "worth_usd", "wrote", "count"):
        np.testing.assert_array_equal(parts.by_entry[name], whole.by_entry[name])
    for name in ("chosen", "served"):
        assert [parts.deployments[i] for i in parts.by_entry[name]] == [
            whole.deployments[i] for i in whole.by_entry[name]
        ]
    np.testing.assert_array_equal(parts.by_candidate["p_correct"], whole.by_candidate["p_correct"])


def test_nothing_at_all_can_be_put_together() -> None:
    assert len(join([])) == 0
    assert list(blocks(join([]), {"auto": IDS})) == []


def test_each_estimate_stands_in_the_column_of_its_deployment() -> None:
    office = an_office()
    (block,) = blocks(office.decisions, {"auto": IDS})
    assert block.deployments == tuple(sorted(IDS))
    entries = [entry for entry in office.entries if entry.route == "auto"]
    for row, entry in enumerate(entries):
        assert entry.decision is not None
        for weighed in entry.decision.candidates:
            assert block.p_correct[row, block.deployments.index(weighed.deployment)] == weighed.p_correct
        assert block.deployments[block.chosen[row]] == entry.decision.chosen


def test_a_deployment_that_is_there_no_more_has_no_column() -> None:
    office = an_office()
    known = [id_ for id_ in IDS if id_ != office.entries[0].decision.chosen]  # type: ignore[union-attr]  # it was decided
    (block,) = blocks(office.decisions, {"auto": known})
    assert block.chosen[0] == block.served[0] == UNKNOWN


def test_the_turns_of_a_conversation_follow_one_another() -> None:
    office = Office()
    office.ask("7")
    office.ask("11")
    office.ask("8", talk=["7", "an answer"])
    (block,) = blocks(office.decisions, {"auto": IDS})
    sessions = block.entries["session"].tolist()
    turn = next(row for row in range(3) if block.turn_before[row] != UNKNOWN)
    assert sessions[turn] == sessions[block.turn_before[turn]]
    assert sessions.count(sessions[turn]) == 2
