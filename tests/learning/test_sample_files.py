from __future__ import annotations

import json
import struct
import zipfile
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from entrepot.errors import DataError
from entrepot.learning.outcome_rows import write_rows
from entrepot.learning.outcomes import read_dataset
from entrepot.learning.sample_files import read_samples
from entrepot.learning.samples import Read, rows_of

WRITTEN = Path(__file__).parent / "written"
EXCHANGE = "019b0000-0000-7000-8000-00000000000a"


def inspect_sample(id_: str = "a", score: object = "C", **more: Any) -> dict[str, Any]:
    """As Inspect 0.3 writes it, without what is not read."""
    return {
        "id": id_,
        "epoch": 1,
        "input": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": f"What is {id_}?"}],
        "target": "4",
        "output": {
            "model": "openai/gpt-5",
            "completion": "It is 4.",
            "usage": {"input_tokens": 7, "output_tokens": 3, "total_tokens": 10},
        },
        "scores": {"match": {"value": score, "answer": "4"}, "style": {"value": {"polite": 0.25}}},
        "metadata": {"case": {"x-entrepot-exchange": EXCHANGE.upper()}},
        "total_time": 0.5,
        "completed_at": "2026-11-22T14:48:29.747540+00:00",
        **more,
    }


INSPECT = {
    "version": 2,
    "status": "success",
    "eval": {"task": "contracts", "model": "openai/gpt-5", "created": "2026-11-22"},
}
PROMPTFOO = {
    "evalId": "eval-1",
    "results": {
        "version": 3,
        "timestamp": "2026-11-22T10:00:00.000Z",
        "results": [
            {
                "promptIdx": 0,
                "testIdx": 3,
                "prompt": {"raw": json.dumps([{"role": "user", "content": "What is 2+2?"}]), "label": "p"},
                "provider": {"id": "openai:chat:gpt-5", "label": ""},
                "response": {
                    "output": "4",
                    "tokenUsage": {"prompt": 7, "completion": 3, "total": 10},
                    "metadata": {"http": {"headers": {"x-entrepot-exchange": EXCHANGE}}},
                },
                "score": 0.5,
                "namedScores": {"tone": 1},
                "success": False,
                "latencyMs": 812,
                "testCase": {"description": "sums", "vars": {}},
            },
            {"promptIdx": 0, "testIdx": 4, "prompt": {"raw": "x"}, "provider": "p", "error": "timeout", "score": 0},
        ],
    },
}
LM_EVAL = [
    {
        "doc_id": 5,
        "doc": {"question": "2+2", "entrepot_exchange": EXCHANGE},
        "target": "#### 4",
        "arguments": {"gen_args_0": {"arg_0": "Question: 2+2\nAnswer:", "arg_1": {"until": ["Question:"]}}},
        "resps": [["The answer is 4."]],
        "filtered_resps": ["4"],
        "filter": filter_,
        "metrics": ["exact_match"],
        "exact_match": score,
    }
    for filter_, score in (("strict-match", 0.0), ("flexible-extract", 1.0))
]


def write(path: Path, document: object) -> Path:
    path.write_text(json.dumps(document), encoding="utf-8")
    return path


def lines(path: Path, *documents: object) -> Path:
    path.write_text("".join(json.dumps(one) + "\n" for one in documents), encoding="utf-8")
    return path


def as_eval(path: Path, *samples: dict[str, Any]) -> Path:
    """A `.eval` log."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("header.json", json.dumps(INSPECT))
        archive.writestr("summaries.json", "[]")
        for sample in samples:
            archive.writestr(f"samples/{sample['id']}_epoch_1.json", json.dumps(sample))
    return path


def test_a_log_of_inspect_says_who_answered_what_and_how_well(tmp_path: Path) -> None:
    samples = (inspect_sample(), inspect_sample("b", "I", metadata={}), inspect_sample("c", "unclear", scores={}))
    for path in (
        as_eval(tmp_path / "log.eval", *samples),
        write(tmp_path / "log.json", {**INSPECT, "samples": samples}),
    ):
        found = read_samples(path)
        first, second = found.samples
        assert (found.kind, found.unjudged) == ("inspect", 1)
        assert (first.task, first.id, first.model, first.score, first.by) == (
            "contracts",
            "a",
            "openai/gpt-5",
            1.0,
            "match",
        )
        assert (first.prompt, first.answer, first.key) == ("What is a?", "4", "4")
        assert (first.input_tokens, first.output_tokens, first.duration_ms) == (7, 3, 500.0)
        assert (first.exchange, first.at_ns) == (EXCHANGE, round(datetime.fromisoformat(first.at).timestamp() * 1e9))
        assert (second.score, second.exchange) == (0.0, None)
        assert [one.score for one in read_samples(path, metric="style/polite").samples] == [0.25, 0.25]
        assert {one.model for one in read_samples(path, "gpt-5").samples} == {"gpt-5"}


def test_a_log_packed_as_newer_versions_of_inspect_do_is_read(tmp_path: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    parts = {"header.json": INSPECT, "samples/a_epoch_1.json": inspect_sample()}
    body, central = b"", b""
    for name, document in parts.items():
        plain = json.dumps(document).encode()
        packed = pyarrow.Codec("zstd").compress(plain, asbytes=True)
        about = struct.pack("<HHHHIIIHH", 0, 93, 0, 0, 0, len(packed), len(plain), len(name), 0)
        central += struct.pack("<4sHH", b"PK\1\2", 63, 63) + about + struct.pack("<HHHII", 0, 0, 0, 0, len(body))
        central += name.encode()
        body += struct.pack("<4sH", b"PK\3\4", 63) + about + name.encode() + packed
    end = struct.pack("<4sHHHHIIH", b"PK\5\6", 0, 0, len(parts), len(parts), len(central), len(body), 0)
    path = tmp_path / "log.eval"
    path.write_bytes(body + central + end)
    assert [one.id for one in read_samples(path).samples] == ["a"]
    path.write_bytes((body + central + end).replace(b"\x28\xb5\x2f\xfd", b"\0\0\0\0"))
    with pytest.raises(DataError, match="is damaged"):
        read_samples(path)


def test_results_of_promptfoo_say_it_too(tmp_path: Path) -> None:
    path = write(tmp_path / "results.json", PROMPTFOO)
    found = read_samples(path)
    (one,) = found.samples
    assert (found.kind, found.unjudged) == ("promptfoo", 1), "an error of the provider is nobody's wrong answer"
    assert (one.task, one.id, one.model, one.score) == ("eval-1", "0.3", "openai:chat:gpt-5", 0.5)
    assert (one.prompt, one.answer, one.input_tokens, one.output_tokens) == ("What is 2+2?", "4", 7, 3)
    assert (one.duration_ms, one.exchange, one.by) == (812.0, EXCHANGE, "assertions")
    assert read_samples(path, metric="tone").samples[0].score == 1.0


@pytest.mark.parametrize("ending", ["json", "jsonl"])
def test_what_promptfoo_wrote_of_this_gateway_is_read(ending: str) -> None:
    """promptfoo 0.121.20, asking `auto` of a gateway with stand-ins: two prompts, assertions, and a test that has none."""
    found = read_samples(WRITTEN / f"promptfoo.{ending}")
    first, second = found.samples
    assert found.unjudged == 1, "promptfoo gives a test without assertions full marks"
    assert (first.score, second.score) == (0.5, 0.0)
    assert (first.model, first.exchange) == ("glm-5.3-flash", "01a20452-0a61-752e-bf8f-75d49b12d7aa")
    assert first.prompt == "Answer with one word. What is the capital of France?"
    assert (second.id, second.prompt) == ("1.1", "Capital of Italy?")
    assert (first.input_tokens, first.output_tokens) == (15, 1226)
    assert {one.task for one in found.samples} == {"contracts" if ending == "json" else "promptfoo"}


def test_what_lm_eval_wrote_of_this_gateway_is_read() -> None:
    """lm-evaluation-harness 0.4.13, `local-chat-completions` with a chat template, two filters, and a metric that is a list."""
    found = read_samples(WRITTEN / "samples_ours_qa_2026-11-22T17-34-23.241193.jsonl", "auto")
    first, second = found.samples
    assert (first.task, first.key, first.by, found.unjudged) == ("ours_qa", "4", "exact_match", 0)
    assert first.prompt == "Question: What is 2+2?\nAnswer:"
    assert first.answer.startswith("This is a simulated answer.")
    assert (first.exchange, second.exchange) == ("019b0000-0000-7000-8000-000000000001", None)
    assert first.prompt_id != second.prompt_id


def test_samples_of_lm_eval_are_of_the_model_that_one_names(tmp_path: Path) -> None:
    path = lines(tmp_path / "samples_gsm8k_cot_2026-11-22T10-00-00.123456.jsonl", *LM_EVAL)
    (one,) = read_samples(path, "qwen3-max").samples
    assert (one.kind, one.task, one.id, one.model, one.score) == ("lm-eval", "gsm8k_cot", "5", "qwen3-max", 0.0)
    assert (one.prompt, one.answer, one.by, one.exchange) == ("Question: 2+2\nAnswer:", "4", "exact_match", EXCHANGE)
    with pytest.raises(DataError, match="--model"):
        read_samples(path)
    older = {
        **LM_EVAL[0],
        "arguments": [["Question: 3", " yes"], ["Question: 3", " no"]],
        "filtered_resps": [["-1.5", True]],
    }
    del older["filter"]
    (one,) = read_samples(lines(tmp_path / "older.jsonl", older), "m").samples
    assert (one.task, one.prompt, one.answer) == ("older", "Question: 3", "")


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("a.json", "{}", "is none of"),
        ("a.json", "nothing", "is not JSON"),
        ("a.jsonl", '{"doc_id": 1}', "is none of"),
        ("a.jsonl", "{", "line 1 is not JSON"),
        ("a.eval", "PK", "cannot be read as a log of Inspect"),
        ("a.json", json.dumps({**INSPECT, "samples": [inspect_sample(scores={})]}), "no sample that was judged, of 1"),
        ("a.json", json.dumps({**INSPECT, "samples": [7]}), "a sample is no object"),
        ("a.json", json.dumps({"results": {"results": [7]}}), "a result is no object"),
    ],
)
def test_what_is_no_such_file_is_told(tmp_path: Path, name: str, text: str, told: str) -> None:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    with pytest.raises(DataError, match=told):
        read_samples(path)
    with pytest.raises(DataError, match="cannot be read"):
        read_samples(tmp_path / "gone.json")


def test_a_zip_of_something_else_is_told(tmp_path: Path) -> None:
    path = tmp_path / "a.eval"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("other.txt", "x")
    with pytest.raises(DataError, match="no log of Inspect"):
        read_samples(path)


def test_what_is_read_can_be_learned_from(tmp_path: Path) -> None:
    found: Read = read_samples(
        write(tmp_path / "log.json", {**INSPECT, "samples": [inspect_sample(), inspect_sample("b", "P")]})
    )
    outcomes, prompts = rows_of((*found.samples, *read_samples(write(tmp_path / "r.json", PROMPTFOO)).samples))
    write_rows(outcomes, tmp_path / "o.jsonl")
    write_rows(prompts, tmp_path / "p.jsonl")
    dataset = read_dataset([tmp_path / "o.jsonl"], [tmp_path / "p.jsonl"])
    assert dataset.outcomes.correct.tolist() == [1.0, 0.5, 0.5]
    assert dataset.outcomes.models == ("openai/gpt-5", "openai:chat:gpt-5")
    assert [prompt.text for prompt in dataset.outcomes.prompts] == ["What is a?", "What is b?", "What is 2+2?"]
