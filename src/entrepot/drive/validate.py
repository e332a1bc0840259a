"""Checks of answers performed: at once where that is sure to be quick, else in a process with limits.

Rules of this file: the operator's code never runs in this process. The process that it gets has an empty environment, a
folder of its own that goes with it, limits on time and memory, and is killed with all that it started. It is no jail: it may
read what this user may read.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import tempfile
from pathlib import Path
from typing import Any

import msgspec

from entrepot.drive import run_check
from entrepot.routing.validator import Validator, Verdict, code_of, judge

_LONGEST_VERDICT_BYTES = 4096
_CANNOT_BE_RUN = (run_check.CANNOT_START, 127)  # 127 is what a shell exits with where a command is not found
_SOURCE = str(Path(__file__).parent.parent.parent)


async def validate(validator: Validator, answer: str, slots: asyncio.Semaphore | None = None) -> Verdict:
    """What the check finds of an answer. `validator` has no problem and is settled (`routing/validator.py`).

    `slots` bounds how many processes run at once; the time limit counts from the start of this one's.
    """
    verdict = judge(validator, answer)
    if verdict is not None:
        return verdict
    async with slots or contextlib.nullcontext():
        with tempfile.TemporaryDirectory(prefix="entrepot-check-", ignore_cleanup_errors=True) as folder:
            return await _run(validator, answer, folder)


async def _run(validator: Validator, answer: str, folder: str) -> Verdict:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-I",
        run_check.__file__,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.DEVNULL if validator.kind == "command" else asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        cwd=folder,
        env={"PATH": os.environ.get("PATH", os.defpath), "LANG": "C.UTF-8", "OPENBLAS_NUM_THREADS": "1"},
        start_new_session=True,
        limit=_LONGEST_VERDICT_BYTES,
    )
    try:
        async with asyncio.timeout(validator.timeout_s):
            return await _verdict(process, validator, answer)
    except TimeoutError:
        return Verdict(False, f"the check took longer than {validator.timeout_s:g} s")
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)  # with all that it started
        await process.wait()


async def _verdict(process: asyncio.subprocess.Process, validator: Validator, answer: str) -> Verdict:
    if process.stdin is not None:
        process.stdin.write(msgspec.json.encode(_job(validator, answer)))
        with contextlib.suppress(ConnectionError):  # it ended before it had read all: its verdict says what it found
            await process.stdin.drain()
        process.stdin.close()
    if process.stdout is None:
        return _exit_verdict(await process.wait())
    with contextlib.suppress(ValueError):  # a line longer than a verdict is none
        line = await process.stdout.readline()
        with contextlib.suppress(msgspec.MsgspecError):
            passed, reason, conclusive = msgspec.json.decode(line, type=tuple[bool, str, bool])
            return Verdict(passed, reason, conclusive)
    return Verdict(False, "the check ended without a verdict")


def _job(validator: Validator, answer: str) -> dict[str, Any]:
    answer = answer.encode("utf-8", "replace").decode()  # half of a surrogate pair is not text that JSON can hold
    return {
        "kind": validator.kind,
        "told": getattr(validator, validator.kind),
        "answer": code_of(answer) if validator.kind == "unit_test" else answer,
        "timeout_s": validator.timeout_s,
        "source": _SOURCE,
    }


def _exit_verdict(code: int) -> Verdict:
    if code in _CANNOT_BE_RUN:
        return Verdict(False, "the command cannot be run", conclusive=False)
    if code < 0:
        return Verdict(False, f"the command was ended by signal {-code}")
    return Verdict(code == 0, "the command exits with 0" if code == 0 else f"the command exits with {code}")
