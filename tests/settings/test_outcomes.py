from __future__ import annotations

from pathlib import Path

from entrepot.settings.schema import VerdictSettings
from tests.settings.toml import ONE_DEPLOYMENT, load, refuse

TICKETS = """
[[verdicts]]
name = "tickets"
secret = "file:tickets.secret"
exchange = "/id"
value = "/status"
"""


def test_a_webhook_is_known_by_its_name_and_its_secret_is_found_from_the_file(tmp_path: Path) -> None:
    loaded = load(tmp_path, ONE_DEPLOYMENT + TICKETS + "scores = { reopened = 0, solved = 1.0 }\nweight = 0.5\n")
    assert loaded.verdicts == (
        VerdictSettings(
            "tickets",
            f"file:{tmp_path}/tickets.secret",
            "/id",
            "/status",
            scores={"reopened": 0, "solved": 1},
            weight=0.5,
        ),
    )


def test_what_cannot_be_meant_is_told(tmp_path: Path) -> None:
    twice = refuse(tmp_path, ONE_DEPLOYMENT + TICKETS + TICKETS)
    assert "verdicts[1].name: 'tickets' is already the name of verdicts[0]" in twice
    shown = refuse(tmp_path, ONE_DEPLOYMENT + TICKETS.replace("file:tickets.secret", "hunter2"))
    assert "verdicts[0].secret: write where the secret is found" in shown
    assert "hunter2" not in shown.replace('secret = "hunter2"', "")
    assert "scores" in refuse(tmp_path, ONE_DEPLOYMENT + TICKETS + "scores = { solved = 2 }\n")
