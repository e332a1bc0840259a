"""What a gateway finds out of its own traffic, through the spool to the ledger."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from entrepot.exchange.outcome_plan import OutcomePlan, SampledCheck
from entrepot.exchange.plan import Route
from entrepot.ledger.sqlite import open_sqlite_reader
from entrepot.routing.validator import Validator
from tests.end_to_end.world import World, eventually, world

pytestmark = pytest.mark.end_to_end

CHECKS = (
    SampledCheck("some-words", Validator(regex="[a-z]+")),
    SampledCheck("zebra", Validator(python="'zebra' in answer")),
)
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
        _, unread, _ = entrepot.chat("checked", "Something else entirely.", headers={"x_entrepot_no_store": "1"})
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
