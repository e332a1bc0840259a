from __future__ import annotations

import asyncio
import time
from pathlib import Path

import psutil
import pytest

from entrepot.drive.validate import validate
from entrepot.routing.validator import Validator, Verdict


async def check(answer: str, **told: object) -> Verdict:
    return await validate(Validator(**told), answer)  # type: ignore[arg-type]  # the kinds of checks as a test writes them


def runs(pid: int) -> bool:
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


async def test_what_needs_no_process_is_judged_at_once() -> None:
    assert (await check("12", regex="^12$")).passed
    assert (await check('{"a": 1}', json_schema={"required": ["a"]})).passed


async def test_an_expression_sees_the_answer_and_its_value() -> None:
    assert (await check("总计：１２ 万元", python="'万元' in answer and value is None")).passed
    assert (await check('```json\n{"a": [1, 2]}\n```', python="sum(value['a']) == 3")).passed
    assert await check("x", python="len(answer) > 5") == Verdict(False, "the check does not hold")


async def test_an_expression_that_raises_has_not_held_and_repeats_nothing() -> None:
    assert await check("SECRET", python="float(answer) > 3") == Verdict(False, "the check raised ValueError")


async def test_a_file_is_asked_for_its_function(tmp_path: Path) -> None:
    file = tmp_path / "total.py"
    file.write_text("import json\n\ndef check(answer):\n    print('noise')\n    return json.loads(answer)['a'] == 1\n")
    assert (await check('{"a": 1}', python=str(file))).passed
    assert not (await check('{"a": 2}', python=str(file))).passed


@pytest.mark.parametrize(
    ("text", "said"),
    [(None, "cannot be read"), ("x = 1\n", "has no function check"), ("def check(:\n", "is not Python")],
)
async def test_a_check_that_cannot_be_made_is_no_verdict(tmp_path: Path, text: str | None, said: str) -> None:
    file = tmp_path / "total.py"
    if text is not None:
        file.write_text(text)
    verdict = await check("a", python=str(file))
    assert not verdict.passed
    assert not verdict.conclusive
    assert said in verdict.reason


async def test_a_command_reads_the_answer_and_says_by_its_exit(tmp_path: Path) -> None:
    assert (await check("甲方：港口公司", command=("grep", "-q", "港口"))).passed
    assert await check("x", command=("grep", "-q", "港口")) == Verdict(False, "the command exits with 1")
    assert (
        await check("a" * 1_000_000, command=("sh", "-c", "test $(wc -c) -eq 1000000; yes"), timeout_s=1)
    ) == Verdict(False, "the check took longer than 1 s")


async def test_a_command_that_is_not_there_is_no_verdict() -> None:
    assert not (await check("x", command=("no-such-program",))).conclusive
    assert not (await check("x", command=("sh", "-c", "no-such-program"))).conclusive


async def test_tests_run_on_the_code_of_the_answer(tmp_path: Path) -> None:
    tests = tmp_path / "test_add.py"
    tests.write_text(
        "import unittest\nimport answer\n\n"
        "class Sums(unittest.TestCase):\n    def test_sum(self):\n        self.assertEqual(answer.add(1, 2), 3)\n\n"
        "def test_zero():\n    assert answer.add(0, 0) == 0\n"
    )
    right = "```python\ndef add(a, b):\n    return a + b\n```"
    assert await check(right, unit_test=str(tests)) == Verdict(True, "all tests pass")
    assert await check(right.replace("+", "-"), unit_test=str(tests)) == Verdict(False, "1 of 2 tests fail")
    assert await check("def add(", unit_test=str(tests)) == Verdict(False, "the answer's code cannot be read")
    assert await check("import sys\nsys.exit(0)", unit_test=str(tests)) == Verdict(
        False, "the check ended without a verdict"
    )


async def test_a_file_without_tests_is_no_verdict(tmp_path: Path) -> None:
    (tmp_path / "empty.py").write_text("")
    assert not (await check("a = 1", unit_test=str(tmp_path / "empty.py"))).conclusive


async def test_what_takes_too_long_is_ended_with_all_that_it_started(tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    script = f"sleep 60 & echo $! > {pid}; wait"
    verdict = await check("x", command=("sh", "-c", script), timeout_s=0.7)
    assert verdict == Verdict(False, "the check took longer than 0.7 s")
    child = int(pid.read_text())
    while runs(child):  # a killed process is gone when its new parent has seen it; the test's own limit ends a hang
        await asyncio.sleep(0.01)


async def test_an_expression_without_end_is_ended() -> None:
    for told in ({"regex": "(a+)+$"}, {"json_schema": {"pattern": "(a+)+$"}}):
        answer = "a" * 64 + "!"
        verdict = await check(f'"{answer}"' if "json_schema" in told else answer, **told, timeout_s=1)
        assert verdict == Verdict(False, "the check took longer than 1 s")


async def test_a_schema_whose_patterns_are_slow_by_looks_alone_is_still_judged() -> None:
    schema = {"properties": {"a": {"pattern": "(ab)+c"}}}
    assert await check('{"a": "ababc"}', json_schema=schema) == Verdict(True, "the answer keeps the JSON Schema")
    assert await check('{"a": "abab"}', json_schema=schema) == Verdict(False, "$.a does not match its pattern")
    assert (await check("ababc", regex="^(ab)+c$")).passed


async def test_memory_is_bounded() -> None:
    assert await check("x", python="bytearray(64 * 1024**3)") == Verdict(False, "the check needs too much memory")


async def test_no_secret_of_the_environment_reaches_a_check(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    assert (await check("x", python="'OPENAI_API_KEY' not in __import__('os').environ")).passed
    assert (await check("x", command=("sh", "-c", 'test -z "$OPENAI_API_KEY"'))).passed


def test_a_check_has_a_folder_of_its_own_that_goes_with_it(tmp_path: Path) -> None:
    told = tmp_path / "cwd"
    assert asyncio.run(check("x", command=("sh", "-c", f"pwd > {told}; echo x > file"))).passed
    folder = Path(told.read_text().strip())
    assert folder != Path.cwd()
    assert not folder.exists()


async def test_slots_bound_the_processes_at_once(tmp_path: Path) -> None:
    slots = asyncio.Semaphore(1)
    script = f"test ! -e {tmp_path}/busy && touch {tmp_path}/busy && sleep 0.05 && rm {tmp_path}/busy"
    validator = Validator(command=("sh", "-c", script))
    verdicts = await asyncio.gather(*(validate(validator, "x", slots) for _ in range(4)))
    assert all(verdict.passed for verdict in verdicts)


async def test_a_cancelled_check_leaves_no_process(tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    task = asyncio.ensure_future(check("x", command=("sh", "-c", f"echo $$ > {pid}; sleep 60")))
    deadline_s = time.monotonic() + 20
    while not (pid.exists() and pid.read_text().strip()):
        assert time.monotonic() < deadline_s
        await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not runs(int(pid.read_text()))
