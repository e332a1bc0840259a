"""`entrepot ledger content`: how much is kept, one exchange's words with the trail of who read them, and keys changed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from entrepot.ledger.checks import SAMPLE_SERVED
from entrepot.ledger.content.ingest import ContentIngester
from entrepot.ledger.content.seal import Seals, id_of, make_key, read_key
from entrepot.ledger.content.spool import ContentSpool
from entrepot.ledger.place import LedgerPlace
from tests.cli.run import Command
from tests.learning.finetune.samples import MINE, said_of
from tests.learning.finetune.test_choosing import text
from tests.learning.finetune.test_export import fill
from tests.ledger.content.samples import kept
from tests.ledger.content.test_sqlite import files_with

SETTINGS = """
[ledger]
directory = "data"
[[deployments]]
provider = "deepseek"
model = "deepseek-v4.1-flash"
"""


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Command:
    (tmp_path / "entrepot.toml").write_text(SETTINGS)
    return Command(tmp_path, monkeypatch)


def spool(directory: Path, *numbers: int, seals: Seals | None = None, key: str = "alice", route: str = "auto") -> None:
    writer = ContentSpool(directory / "data", "gateway-0")
    for number in numbers:
        writer.append(
            kept(number, f"zebra {number}\x1b[31m", f"giraffe {number}", seals=seals or Seals(), key=key, route=route)
        )
    writer.close()


def test_how_much_is_kept_of_which_route(command: Command) -> None:
    assert "nothing is kept" in command("ledger", "content", "list").output
    spool(command.directory, 1, 2)
    spool(command.directory, 3, route="legal")
    shown = command("ledger", "content", "list").output
    assert [line.split()[:2] for line in shown.splitlines() if line.strip().startswith(("auto", "legal"))] == [
        ["auto", "2"],
        ["legal", "1"],
    ]
    assert "not encrypted" in shown
    told = json.loads(command("ledger", "content", "list", "--json").output)
    assert [(one["route"], one["exchanges"], one["too_long"]) for one in told] == [("auto", 2, 0), ("legal", 1, 0)]


def test_one_exchange_is_shown_and_the_trail_knows(command: Command) -> None:
    spool(command.directory, 1)
    shown = command("ledger", "content", "show", "exchange-0001").output
    assert "--- user\nzebra 1\N{REPLACEMENT CHARACTER}[31m\n--- answer (stop)\ngiraffe 1\n" in shown
    document = json.loads(command("ledger", "content", "show", "exchange-0001", "--json").output)
    assert document["request"]["messages"][0]["parts"][0]["text"] == "zebra 1\x1b[31m"
    assert document["answer"]["choices"][0]["parts"][0]["text"] == "giraffe 1"
    assert (document["exchange"], document["key"], document["complete"]) == ("exchange-0001", "alice", True)
    trail = json.loads(command("audit", "--kind", "content", "--json").output)
    assert [(one["action"], one["name"], one["via"]) for one in trail] == [
        ("read", "exchange-0001", "command line")
    ] * 2


def test_of_what_is_not_kept_there_is_nothing_to_show(command: Command) -> None:
    done = command("ledger", "content", "show", "exchange-0009")
    assert done.exit_code == 2
    assert "nothing is kept of what was said in exchange-0009" in done.output


def test_what_is_forgotten_is_noted_and_in_no_file_also_of_the_spool(command: Command) -> None:
    spool(command.directory, 1, 2)
    spool(command.directory, 3, key="bob")
    done = command("ledger", "forget", "--exchange", "exchange-0001", "--yes")
    assert done.output.startswith("what was said in 1 exchange is erased from")
    assert files_with(command.directory, b"zebra 1") == []
    assert command("ledger", "forget", "--key", "alice", "--content-only").exit_code == 1  # nobody there to say yes
    done = command("ledger", "forget", "--key", "alice", "--content-only", "--yes")
    assert done.output.startswith("what was said in 1 exchange is erased from")
    assert files_with(command.directory, b"zebra 2") == []
    assert files_with(command.directory, b"zebra 3") == ["content.db"]
    trail = json.loads(command("audit", "--kind", "content", "--json").output)
    assert [(one["action"], one["name"]) for one in trail] == [("forget", "key alice"), ("forget", "exchange-0001")]


def test_a_key_is_changed_and_the_old_one_is_needed_no_more(command: Command) -> None:
    old, new = command("ledger", "content", "new-key").output.strip(), make_key()
    opened, sealed = read_key(old, "env:OLD"), read_key(new, "env:NEW")
    spool(command.directory, 1)  # before anything was encrypted
    spool(command.directory, 2, seals=Seals(opened))
    place = LedgerPlace(command.directory / "data")
    with ContentIngester(place.open_content, place.directory, None) as ingester:
        ingester.run_once()
    done = command("ledger", "content", "reseal")
    assert (done.exit_code, "names no key" in done.output) == (2, True)
    both = '[content]\nencrypt_with = "env:NEW"\ndecrypt_with = ["env:OLD"]\n'
    file = command.directory / "entrepot.toml"
    file.write_text(both + SETTINGS)
    environ = {"OLD": old, "NEW": new}
    done = command("ledger", "content", "reseal", environ=environ)
    assert done.output == f"2 exchanges are encrypted anew, with the key {id_of(sealed)}\n"
    assert command("ledger", "content", "reseal", environ=environ).output.startswith("0 exchanges")
    assert files_with(command.directory / "data", b"zebra") == []
    file.write_text('[content]\nencrypt_with = "env:NEW"\n' + SETTINGS)
    for number in (1, 2):
        assert (
            f"zebra {number}" in command("ledger", "content", "show", f"exchange-{number:04}", environ=environ).output
        )
    file.write_text('[content]\nencrypt_with = "env:OLD"\n' + SETTINGS)
    done = command("ledger", "content", "show", "exchange-0001", environ=environ)
    assert done.exit_code == 2
    assert f"names another ({id_of(opened)})" in done.output


def test_an_export_for_fine_tuning_says_what_it_wrote_and_what_not(command: Command) -> None:
    place = LedgerPlace(command.directory / "data")
    fill(place, [(said_of(text(number)), MINE if number < 3 else SAMPLE_SERVED, 1.0) for number in range(5)])
    done = command("ledger", "export", "out", "--for", "finetune", "--validation", "0.34")
    assert done.exit_code == 0, done.output
    assert "2 lines to train on and 1 for validation are written to out; 2 exchanges are left out" in done.output
    assert "  2  licence or terms\n" in done.output
    assert len((command.directory / "out" / "train.jsonl").read_text().splitlines()) == 2
    done = command("ledger", "export", "out", "--for", "finetune", "--validation", "0", "--allow", "qwen3-max")
    assert "5 lines to train on and 0 for validation" in done.output
    trail = json.loads(command("audit", "--kind", "content", "--json").output)
    assert [one["action"] for one in trail] == ["export", "export"]


def test_what_is_for_fine_tuning_is_refused_elsewhere(command: Command) -> None:
    done = command("ledger", "export", "out", "--min-outcome", "0.9")
    assert (done.exit_code, "--min-outcome is for --for finetune" in done.output) == (2, True)
    done = command("ledger", "export", "out", "--for", "finetune")
    assert (done.exit_code, "nothing is kept of what was said" in done.output) == (2, True)
