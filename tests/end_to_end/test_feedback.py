"""Feedback from a client to the ledger, through the spool."""

from __future__ import annotations

import json

import pytest

from entrepot.ledger.sqlite import open_sqlite_reader
from entrepot.ledger.store import Judged
from tests.end_to_end.world import OTHER_KEY, World, eventually

pytestmark = pytest.mark.end_to_end


def judged(entrepot: World) -> dict[str, Judged]:
    with open_sqlite_reader(entrepot.directory) as reader:
        return {one.source: one for one in reader.judged()}


def test_what_a_user_says_of_an_answer_is_in_the_ledger_once(entrepot: World) -> None:
    _, headers, _ = entrepot.chat(text="Is the invoice of this month in the books, and who has it?")
    exchange = headers["x-entrepot-exchange"]

    def give(key: str | None = None, **fields: object) -> tuple[int, dict[str, object]]:
        body = json.dumps({"exchange": exchange, **fields}).encode()
        status, _, data = entrepot.request("/feedback", body, **({} if key is None else {"key": key}))
        return status, json.loads(data)

    status, kept = give(label="bad", source="program")
    assert (status, kept["score"], kept["source"]) == (200, 0.0, "program")
    assert give(score=0.25)[0] == 200
    assert give(score=0.75)[0] == 200
    status, refused = give(OTHER_KEY, score=1)
    assert status == 404
    assert "no exchange of this key" in json.dumps(refused)
    assert give(score=7)[0] == 400

    assert eventually(lambda: judged(entrepot).keys() == {"program", "user"})
    assert eventually(lambda: judged(entrepot)["user"].total == 0.75)
    assert (judged(entrepot)["user"].count, judged(entrepot)["user"].language) == (1, "en")
