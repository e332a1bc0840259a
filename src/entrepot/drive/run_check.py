"""One check of an answer in a process of its own: what `validate.py` starts, with a job on its standard input.

Rules of this file: it is run by its path with an empty environment and imports nothing of Entrepôt, so that starting it costs
little and what it runs, which is the operator's code and perhaps a model's, finds no secret. It sets its own limits before it
runs anything. On its standard output stands one line of JSON: [passed, reason, conclusive].
"""

from __future__ import annotations

import json
import math
import os
import re
import resource
import sys
import tempfile
import types
import unittest
from pathlib import Path
from typing import Any

MEMORY_BYTES = 2 * 1024**3
FILE_BYTES = 64 * 1024**2
CANNOT_START = 126
"""As a shell exits where a command cannot be run."""


class Unusable(Exception):
    """The check cannot be made, whatever the answer is."""


def limit(timeout_s: float, *, memory: bool) -> None:
    """Bound this process's time on the processor, what it writes and its memory (not a command's: some reserve a lot)."""
    seconds = math.ceil(timeout_s) + 1
    for what, most in (
        (resource.RLIMIT_CPU, seconds),
        (resource.RLIMIT_AS, MEMORY_BYTES if memory else resource.RLIM_INFINITY),
        (resource.RLIMIT_FSIZE, FILE_BYTES),
        (resource.RLIMIT_CORE, 0),
    ):
        _, hard = resource.getrlimit(what)
        bounds = [bound for bound in (most, hard) if bound != resource.RLIM_INFINITY]
        resource.setrlimit(what, (min(bounds, default=resource.RLIM_INFINITY), hard))


def run_json_schema(schema: dict[str, Any], answer: str, source: str) -> tuple[bool, str, bool]:
    """As `validator.judge_json`, for a schema with expressions that could run for ever."""
    sys.path.insert(0, source)
    from entrepot.routing.validator import judge_json  # noqa: PLC0415 - the other checks do without it, and start sooner

    verdict = judge_json(schema, answer)
    return verdict.passed, verdict.reason, True


def run_python(told: str, answer: str) -> tuple[bool, str, bool]:
    """An expression over the answer, or `check` of a file."""
    if told.endswith(".py") and "\n" not in told:
        module = load(told, "check")
        if not callable(getattr(module, "check", None)):
            raise Unusable(f"{told} has no function check(answer)")
        passed = bool(module.check(answer))
    else:
        names = {"answer": answer, "value": as_json(answer), "re": re, "json": json, "math": math}
        passed = bool(eval(told.strip(), names))  # noqa: S307 - the operator's own expression: that is what is asked for
    return passed, "the check holds" if passed else "the check does not hold", True


def as_json(answer: str) -> Any:  # noqa: ANN401 - any JSON
    """The answer's value, None if it is no JSON; a fence around all of it is taken off."""
    fenced = re.fullmatch(r"\s*```[\w+-]*[ \t]*\n(.*?)\n?[ \t]*```\s*", answer, re.DOTALL)
    try:
        return json.loads(fenced[1] if fenced else answer)
    except ValueError:
        return None


def run_unit_test(told: str, code: str) -> tuple[bool, str, bool]:
    """The tests of a file, on the answer's code as the module `answer`."""
    Path("answer.py").write_text(code, encoding="utf-8")
    sys.path.insert(0, str(Path.cwd()))
    sys.dont_write_bytecode = True
    try:
        compile(code, "answer.py", "exec")
    except (SyntaxError, ValueError):
        return False, "the answer's code cannot be read", True
    module = load(told, "test_of_the_answer")
    tests = unittest.TestLoader().loadTestsFromModule(module)
    for name, value in vars(module).items():
        if name.startswith("test") and isinstance(value, types.FunctionType):
            tests.addTest(unittest.FunctionTestCase(value))
    if not tests.countTestCases():
        raise Unusable(f"{told} has no tests")
    result = unittest.TestResult()
    tests.run(result)
    wrong = len(result.failures) + len(result.errors) + len(result.unexpectedSuccesses)
    return not wrong, f"{wrong} of {result.testsRun} tests fail" if wrong else "all tests pass", True


def load(path: str, name: str) -> Any:  # noqa: ANN401 - a module of the operator's
    """A Python file as a module. Raises Unusable, and what the file raises."""
    try:
        code = compile(Path(path).read_bytes(), path, "exec")
    except OSError as error:
        raise Unusable(f"{path} cannot be read: {error.strerror}") from error
    except (SyntaxError, ValueError) as error:
        raise Unusable(f"{path} is not Python: {error}") from error
    module = types.ModuleType(name)
    module.__file__ = path
    sys.modules[name] = module
    exec(code, vars(module))  # noqa: S102 - the operator's own file: that is what is asked for
    return module


def become(command: list[str], answer: str) -> None:
    """Turn into the command, with the answer on its standard input; exits with 126 if it cannot be started."""
    held = tempfile.TemporaryFile()  # noqa: SIM115 - it stays open for the command, and goes with it
    held.write(answer.encode("utf-8", "surrogatepass"))
    held.seek(0)
    os.dup2(held.fileno(), 0)
    try:
        os.execvp(command[0], command)  # noqa: S606 - the operator's own command
    except OSError:
        raise SystemExit(CANNOT_START) from None


def check(job: dict[str, Any]) -> tuple[bool, str, bool]:
    """Do the job. What the operator's code raises is a check that does not hold; a check that cannot be made is no verdict."""
    told, answer = job["told"], job["answer"]
    try:
        match job["kind"]:
            case "regex":
                found = re.search(told, answer) is not None
                return found, f"the regular expression {'matches' if found else 'does not match'}", True
            case "json_schema":
                return run_json_schema(told, answer, job["source"])
            case "python":
                return run_python(told, answer)
            case _:
                return run_unit_test(told, answer)
    except Unusable as error:
        return False, str(error), False
    except MemoryError:
        return False, "the check needs too much memory", True
    except Exception as error:  # noqa: BLE001 - the operator's code may raise anything, and an answer may bring it to
        return False, f"the check raised {type(error).__name__}", True


def main() -> None:
    """Read the job, run it with nothing of it on the standard output, say what was found."""
    job = json.loads(sys.stdin.buffer.read())
    limit(job["timeout_s"], memory=job["kind"] != "command")
    if job["kind"] == "command":
        become(job["told"], job["answer"])
    said = os.dup(1)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    verdict = check(job)
    os.write(said, json.dumps(verdict).encode() + b"\n")


if __name__ == "__main__":
    main()
