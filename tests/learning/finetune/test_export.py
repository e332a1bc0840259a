"""From what is stored to files that readers of fine-tuning data read, in both databases, with the reasons beside them."""

from __future__ import annotations

import hashlib
import json
import stat
from pathlib import Path
from typing import Any

import duckdb
import msgspec
import pyarrow.json
import pytest

from entrepot.canonical.request import Message, Text, Tool, ToolCall, ToolResult
from entrepot.catalog.load import load_catalog
from entrepot.errors import DataError
from entrepot.exchange.records import Served
from entrepot.learning.finetune import export as module
from entrepot.learning.finetune.choosing import Wanted
from entrepot.learning.finetune.export import FinetuneExport
from entrepot.learning.finetune.summary import Tally
from entrepot.learning.finetune.terms import Terms
from entrepot.ledger.checks import FIRST_NS, SAMPLE_SERVED
from entrepot.ledger.content.record import Said
from entrepot.ledger.content.seal import Seals, make_key, read_key
from entrepot.ledger.place import LedgerPlace
from entrepot.ledger.store import ALWAYS, Period
from tests.learning.finetune.samples import MINE, SECOND_NS, entry_of, feedback_on, kept_of, said_of
from tests.learning.finetune.test_choosing import text
from tests.learning.finetune.test_lines import check
from tests.ledger.conftest import place

__all__ = ["place"]

NOW_S = 1_790_000_000.0


def fill(place: LedgerPlace, said: list[tuple[Said, Served | None, float | None]], seals: Seals | None = None) -> None:
    """Exchanges in this order: what was said, who answered, and what a user said of it."""
    with place.open_store() as store, place.open_content() as contents:
        store.insert([entry_of(number, served) for number, (_, served, _) in enumerate(said)])
        told = [feedback_on(number, score) for number, (_, _, score) in enumerate(said) if score is not None]
        store.insert_documents([], told)
        contents.insert([kept_of(number, one, seals=seals) for number, (one, _, _) in enumerate(said)])


def written(
    place: LedgerPlace,
    directory: Path,
    wanted: Wanted | None = None,
    *,
    allow: frozenset[str] = frozenset(),
    period: Period = ALWAYS,
    route: str | None = None,
    seals: Seals | None = None,
) -> Tally:
    with place.open_reader() as reader, place.open_content() as contents:
        terms = Terms(load_catalog(), allow)
        export = FinetuneExport(
            contents, reader, seals or Seals(), terms, wanted or Wanted(), period=period, route=route
        )
        return export.write(directory, NOW_S)


def lines(directory: Path, name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (directory / name).read_text().splitlines()]


def summary(directory: Path) -> Any:
    return json.loads((directory / "export.json").read_text())


def questions(directory: Path, name: str) -> list[str]:
    return [line["messages"][0]["content"] for line in lines(directory, name)]


def test_good_exchanges_become_lines_and_the_rest_is_told_of(place: LedgerPlace, tmp_path: Path) -> None:
    good = [(said_of(text(number), f"Answer {number}."), MINE, 1.0) for number in range(10)]
    bad = [
        (said_of(text(100)), MINE, 0.2),
        (said_of(text(101)), MINE, None),
        (said_of(text(102)), SAMPLE_SERVED, 1.0),
        (said_of(text(103), complete=False), MINE, 1.0),
    ]
    fill(place, [*good, *bad])
    out = tmp_path / "out"
    done = written(place, out)
    assert (done.sides["train"], done.sides["validation"]) == (9, 1)
    for line in (*lines(out, "train.jsonl"), *lines(out, "validation.jsonl")):
        check(line)
    assert questions(out, "train.jsonl") == [text(number) for number in range(9)]
    assert questions(out, "validation.jsonl") == [text(9)]
    told = summary(out)
    assert told["lines"] == {"train": 9, "validation": 1}
    assert told["validation_begins"] == "2026-01-01T00:00:09Z"
    (ours,) = told["models"]
    assert (ours["model"], ours["exchanges"], "Apache-2.0" in ours["why"]) == ("qwen3-32b", 10, True)
    (theirs,) = told["models_left_out"]
    assert (theirs["model"], theirs["exchanges"]) == ("qwen3-max", 1)
    assert told["left_out"] == {
        "licence or terms": 1,
        "nobody said what came of it": 1,
        "the answer was not completed": 1,
        "the outcome is not good enough": 1,
    }
    assert len(lines(out, "left_out.jsonl")) == 4
    for name, digest in told["sha256"].items():
        assert hashlib.sha256((out / name).read_bytes()).hexdigest() == digest
    assert all(stat.S_IMODE(file.stat().st_mode) == 0o600 for file in out.iterdir())


def test_the_files_are_read_by_readers_of_json_lines(tmp_path: Path) -> None:
    place, tool = LedgerPlace(tmp_path), Tool("weather", "It", {"type": "object", "properties": {}})
    called = said_of(
        "And?",
        "Rain.",
        Message("user", (Text("Weather?"),)),
        Message("assistant", (ToolCall("c1", "weather", "{}"),)),
        Message("tool", (ToolResult("c1", (Text("rain"),)),)),
    )
    called = msgspec.structs.replace(called, request=msgspec.structs.replace(called.request, tools=(tool,)))
    fill(place, [(said_of(text(1)), MINE, 1.0), (called, MINE, 1.0), (said_of(text(2)), MINE, 1.0)])
    out = tmp_path / "out"
    written(place, out, Wanted(validation=0.0))
    table = pyarrow.json.read_json(out / "train.jsonl")  # what Hugging Face's `datasets` reads JSON lines with
    assert table.num_rows == 3
    assert table["messages"].to_pylist()[1][-1]["content"] == "Rain."
    read = duckdb.sql(f"SELECT len(messages), messages[-1].role FROM read_json('{out / 'train.jsonl'}')")
    assert read is not None
    assert read.fetchall() == [(2, "assistant"), (5, "assistant"), (2, "assistant")]


def test_personal_data_is_replaced_alike_in_one_line(tmp_path: Path) -> None:
    place = LedgerPlace(tmp_path)
    question = "Write to anna.lee@acme.org, call +49 30 901820, or write to bob@acme.org"
    call = Message("assistant", (ToolCall("c1", "mail", '{"to": "anna.lee@acme.org"}'),))
    said = said_of("Done?", "I wrote to anna.lee@acme.org.", Message("user", (Text(question),)), call)
    fill(place, [(said, MINE, 1.0)])
    out = tmp_path / "out"
    done = written(place, out, Wanted(validation=0.0))
    (line,) = lines(out, "train.jsonl")
    check(line)
    contents = [message["content"] for message in line["messages"]]
    assert contents[0] == "Write to <email-1>, call <phone-1>, or write to <email-2>"
    assert contents[-1] == "I wrote to <email-1>."
    assert json.loads(line["messages"][1]["tool_calls"][0]["function"]["arguments"]) == {"to": "<email-1>"}
    assert done.replaced == {"email": 4, "phone": 1}
    assert "names of people" in summary(out)["personal_data_not_found_by_us"]
    assert all(b"acme.org" not in file.read_bytes() for file in out.iterdir())


def test_of_one_route_and_one_period(tmp_path: Path) -> None:
    place = LedgerPlace(tmp_path)
    fill(place, [(said_of(text(number)), MINE, 1.0) for number in range(6)])
    with place.open_content() as contents:
        contents.replace(kept_of(0, said_of(text(0))))
        assert contents.forget("id", kept_of(5, said_of("")).id, FIRST_NS) == 1
    out = tmp_path / "out"
    period = Period(FIRST_NS + 2 * SECOND_NS, FIRST_NS + 4 * SECOND_NS)
    written(place, out, Wanted(validation=0.0), period=period)
    assert questions(out, "train.jsonl") == [text(2), text(3)]
    assert written(place, out, Wanted(validation=0.0), route="other").sides.total() == 0
    assert (out / "train.jsonl").read_bytes() == b""
    assert written(place, out, Wanted(validation=0.0), route="auto").sides["train"] == 5


def test_the_nearest_word_on_an_outcome_counts_and_the_last(tmp_path: Path) -> None:
    place = LedgerPlace(tmp_path)
    fill(place, [(said_of(text(number)), MINE, None) for number in range(3)])
    with place.open_store() as store:
        told = [
            feedback_on(0, 0.1, source="program"),
            feedback_on(0, 1.0, source="user"),
            feedback_on(1, 1.0, source="user"),
            feedback_on(1, 0.0, source="user", at=5),
            feedback_on(2, 0.9, source="program"),
        ]
        store.insert_documents([], told)
    out = tmp_path / "out"
    written(place, out, Wanted(validation=0.0))
    assert questions(out, "train.jsonl") == [text(0), text(2)]


def test_what_is_sealed_takes_its_key(tmp_path: Path) -> None:
    place, seals = LedgerPlace(tmp_path), Seals(read_key(make_key(), "env:KEY"))
    fill(place, [(said_of(text(1)), MINE, 1.0)], seals)
    out = tmp_path / "out"
    done = written(place, out, Wanted(validation=0.0))
    assert done.left_out == {"encrypted with a key that is not named, or changed": 1}
    assert written(place, out, Wanted(validation=0.0), seals=seals).sides["train"] == 1


def test_a_model_that_the_operator_vouches_for_is_learned_from(tmp_path: Path) -> None:
    place = LedgerPlace(tmp_path)
    fill(place, [(said_of(text(1)), SAMPLE_SERVED, 1.0)])
    out = tmp_path / "out"
    assert written(place, out).sides.total() == 0
    written(place, out, Wanted(validation=0.0), allow=frozenset({"qwen3-max"}))
    assert summary(out)["models"] == [{"model": "qwen3-max", "exchanges": 1, "why": "told: the model qwen3-max"}]


def test_an_export_that_fails_leaves_the_one_before_in_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place, out = LedgerPlace(tmp_path), tmp_path / "out"
    fill(place, [(said_of(text(number)), MINE, 1.0) for number in range(2)])
    written(place, out)
    before = {file.name: file.read_bytes() for file in out.iterdir()}

    def no_more(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(module, "summarise", no_more)
    with pytest.raises(DataError, match=r"cannot write to .*out: No space left"):
        written(place, out)
    assert {file.name: file.read_bytes() for file in out.iterdir()} == before
