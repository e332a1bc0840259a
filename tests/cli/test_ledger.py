"""`entrepot ledger` says whether the books agree, and mends what can be made again."""

from __future__ import annotations

import contextlib
import json
import sqlite3
from pathlib import Path

import msgspec
from click.testing import CliRunner

from entrepot.cli.main import main
from entrepot.control.place import ControlPlace
from entrepot.ledger.checks import sample_entry
from entrepot.ledger.kept_responses import KeptResponse, ResponseStore, response_id_of
from entrepot.ledger.spool import SpoolWriter
from entrepot.ledger.sqlite import ledger_path, open_sqlite


def run(*arguments: str) -> tuple[int, str]:
    done = CliRunner().invoke(main, ["ledger", *arguments])
    return done.exit_code, done.output


def test_a_sound_ledger_with_entries_still_in_the_spool(tmp_path: Path) -> None:
    with open_sqlite(tmp_path) as store:
        store.insert([sample_entry(0)])
    with SpoolWriter(tmp_path, "gateway-0") as spool:
        spool.append(sample_entry(1))
    code, said = run("verify", "--ledger", str(tmp_path))
    assert (code, said.startswith("2 entries, 2 attempts")) == (0, True)
    assert "every sum agrees" in said


def test_a_sum_that_differs_is_named_and_mended(tmp_path: Path) -> None:
    with open_sqlite(tmp_path) as store:
        store.insert([sample_entry(0)])
    with contextlib.closing(sqlite3.connect(ledger_path(tmp_path))) as connection, connection:
        connection.execute("UPDATE daily_key SET cost_nano_usd = 7")
    code, said = run("verify", "--ledger", str(tmp_path), "--json")
    found = json.loads(said)
    assert (code, found["sound"]) == (3, False)
    assert "daily_key at 2026-01-01" in found["differences"][0]
    assert run("rebuild", "--ledger", str(tmp_path))[0] == 0
    assert run("verify", "--ledger", str(tmp_path))[0] == 0


def test_where_there_is_no_ledger(tmp_path: Path) -> None:
    for command in ("verify", "rebuild"):
        code, said = run(command, "--ledger", str(tmp_path))
        assert code == 2
        assert "no ledger at" in said


def test_who_is_forgotten_is_gone_also_from_the_spool(tmp_path: Path) -> None:
    with open_sqlite(tmp_path) as store:
        store.insert([sample_entry(0), msgspec.structs.replace(sample_entry(1), key="other")])
    with SpoolWriter(tmp_path, "gateway-0") as spool:
        spool.append(sample_entry(2))
    place = ("--ledger", str(tmp_path))
    assert run("forget", *place)[0] == 2
    assert run("forget", *place, "--key", "a", "--team", "b")[0] == 2
    key = sample_entry(0).key or ""
    assert run("forget", *place, "--key", key)[0] == 1  # nobody there to say yes
    code, said = run("forget", *place, "--key", key, "--yes")
    assert (code, said.startswith(f"2 exchanges of the key '{key}'")) == (0, True)
    with open_sqlite(tmp_path) as store:
        assert store.totals().exchanges == 1
        assert store.verify().sound


def test_a_team_that_is_forgotten_leaves_no_response_kept_for_it(tmp_path: Path) -> None:
    ours, theirs = (msgspec.structs.replace(sample_entry(number), key="k", team=f"t{number}") for number in range(2))
    with open_sqlite(tmp_path) as store:
        store.insert([ours, theirs])
    responses = ResponseStore(tmp_path, keep_days=1)
    for one in (ours, theirs):
        responses.keep("k", KeptResponse(response_id_of(one.id), None, 0, b"[]", b"{}"), 0.0)
    code, said = run("forget", "--ledger", str(tmp_path), "--team", "t0", "--yes")
    assert (code, "1 kept responses are deleted" in said) == (0, True)
    assert responses.find("k", response_id_of(ours.id), 0.0) is None
    assert responses.find("k", response_id_of(theirs.id), 0.0) is not None


def test_what_was_said_is_erased_from_kept_responses_too(tmp_path: Path) -> None:
    entries = [
        msgspec.structs.replace(sample_entry(number), key=f"k{number // 2}", team=f"t{number // 2}")
        for number in range(5)
    ]
    with open_sqlite(tmp_path) as store:
        store.insert(entries)
    responses = ResponseStore(tmp_path, keep_days=1)
    for one in entries:
        responses.keep(one.key or "", KeptResponse(response_id_of(one.id), None, 0, b"[]", b"{}"), 0.0)

    def left() -> list[int]:
        found = [responses.find(one.key or "", response_id_of(one.id), 0.0) for one in entries]
        return [number for number, one in enumerate(found) if one is not None]

    words = ("forget", "--ledger", str(tmp_path), "--yes")
    code, said = run(*words, "--exchange", entries[0].id)
    assert (code, "1 kept response is deleted with it" in said, left()) == (0, True, [1, 2, 3, 4])
    assert (run(*words, "--team", "t1", "--content-only")[0], left()) == (0, [1, 4])
    assert (run(*words, "--key", "k0", "--content-only")[0], left()) == (0, [4])
    assert (run(*words, "--key", "nobody", "--content-only")[0], left()) == (0, [4])
    with open_sqlite(tmp_path) as store:
        assert store.totals().exchanges == 5
    with ControlPlace(tmp_path, None).open_store() as control:
        trail = [(one.action, one.name) for one in control.changes()]
    assert sorted(trail) == [("forget", entries[0].id), ("forget", "key k0"), ("forget", "team t1")]


def test_an_export_holds_what_lay_in_the_spool_too(tmp_path: Path) -> None:
    with open_sqlite(tmp_path) as store:
        store.insert([sample_entry(0)])
    with SpoolWriter(tmp_path, "gateway-0") as spool:
        spool.append(sample_entry(1))
    code, said = run("export", str(tmp_path / "out"), "--ledger", str(tmp_path))
    assert (code, said.startswith("2 entries are written to")) == (0, True)
