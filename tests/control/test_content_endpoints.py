"""Kept content over the admin API: shown and erased for admins alone, and written in the trail."""

from __future__ import annotations

from pathlib import Path

import pytest

from entrepot.control.store import ControlStore
from entrepot.ledger.content.spool import ContentSpool
from entrepot.ledger.kept_responses import KeptResponse, ResponseStore, response_id_of
from tests.control.admin import Admin
from tests.ledger.content.samples import kept
from tests.ledger.content.test_sqlite import files_with


@pytest.fixture
def admin(tmp_path: Path, store: ControlStore) -> Admin:
    made = Admin(tmp_path, store)
    spool = ContentSpool(made.settings.ledger.directory, "gateway-0")
    spool.append(kept(1, "zebra", "giraffe"))
    spool.close()
    return made


def test_an_admin_reads_one_exchange_and_the_trail_knows(admin: Admin) -> None:
    answered = admin.ask("GET", "content/exchange-0001")
    assert answered.status == 200
    assert answered.json["request"]["messages"][0]["parts"][0]["text"] == "zebra"
    assert answered.json["answer"]["choices"][0]["parts"][0]["text"] == "giraffe"
    (entry,) = admin.ask("GET", "audit?kind=content").json
    assert (entry["who"], entry["action"], entry["name"]) == ("root", "read", "exchange-0001")


def test_an_admin_erases_one_exchange(admin: Admin) -> None:
    assert admin.ask("DELETE", "content/exchange-0001").json == {"name": "exchange-0001", "erased": True}
    assert files_with(Path(admin.settings.ledger.directory), b"zebra") == []
    assert admin.ask("DELETE", "content/exchange-0001").status == 404
    assert admin.ask("GET", "content/exchange-0001").status == 404
    (entry,) = admin.ask("GET", "audit?kind=content").json
    assert (entry["action"], entry["name"]) == ("forget", "exchange-0001")


def test_what_is_erased_is_not_kept_for_the_next_response_either(admin: Admin) -> None:
    responses = ResponseStore(admin.settings.ledger.directory, keep_days=1)
    for exchange in ("exchange-0001", "exchange-0009"):
        responses.keep("alice", KeptResponse(response_id_of(exchange), None, 0, b"[]", b"{}"), 0.0)
        assert admin.ask("DELETE", f"content/{exchange}").status == 200  # of the second nothing else is kept
        assert responses.find("alice", response_id_of(exchange), 0.0) is None


@pytest.mark.parametrize("role", ["operator", "viewer"])
def test_nobody_else_does(admin: Admin, role: str) -> None:
    key = admin.member("somebody", role)  # type: ignore[arg-type]  # one of the roles
    for answered in (
        admin.ask("GET", "content/exchange-0001", key=key),
        admin.ask("DELETE", "content/exchange-0001", key=key),
    ):
        assert answered.status == 403
        assert b"zebra" not in answered.body
    assert admin.ask("GET", "audit?kind=content").json == []
