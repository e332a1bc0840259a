"""What came of exchanges, from clients and webhooks to the ledger, through the spool."""

from __future__ import annotations

import hashlib
import hmac
import json
from pathlib import Path

import pytest

from entrepot.ledger.sqlite import open_sqlite_reader
from entrepot.ledger.store import Judged
from entrepot.settings.schema import VerdictSettings
from tests.end_to_end.world import OTHER_KEY, World, eventually, world

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

    # There may be more: what other tests' traffic shows by itself.
    assert eventually(lambda: judged(entrepot).keys() >= {"program", "user"})
    assert eventually(lambda: judged(entrepot)["user"].total == 0.75)
    assert (judged(entrepot)["user"].count, judged(entrepot)["user"].language) == (1, "en")


def test_what_a_webhook_tells_later_is_in_the_ledger_once(tmp_path: Path) -> None:
    secret = tmp_path / "tickets.secret"
    secret.write_text("secret-of-the-help-desk\n", encoding="utf-8")
    hook = VerdictSettings("tickets", f"file:{secret}", "/id", "/status", "github", {"reopened": 0})
    with world(tmp_path / "ledger", verdicts=(hook,)) as entrepot:
        _, headers, _ = entrepot.chat(text="Write the answer to the customer.")
        body = json.dumps({"id": headers["x-entrepot-exchange"], "status": "reopened"}).encode()

        def send(secret: bytes) -> tuple[int, bytes]:
            signature = "sha256=" + hmac.new(secret, body, hashlib.sha256).hexdigest()
            status, _, data = entrepot.request("/verdicts/tickets", body, key=None, x_hub_signature_256=signature)
            return status, data

        assert send(b"a guess")[0] == 401
        assert [json.loads(send(b"secret-of-the-help-desk")[1])["kept"] for _ in range(2)] == [1, 1]
        assert entrepot.request("/verdicts/others", body, key=None)[0] == 404
        assert eventually(lambda: judged(entrepot).keys() == {"verdict"})
        assert (judged(entrepot)["verdict"].count, judged(entrepot)["verdict"].total) == (1, 0.0)
        with open_sqlite_reader(entrepot.directory) as reader:
            (told,) = reader.told()
            assert len(reader.outcomes_after(0)) == 1
        assert (told.who, told.label, told.route) == ("tickets", "reopened", "auto")
