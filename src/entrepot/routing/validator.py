"""A check that an operator names for an answer: what it says, and the part of it that needs no process.

Rules of this file: a check repeats no word of the answer in what it says. Code of the operator's own and regular expressions
that could run for ever on some answer are not run here: `drive/validate.py` gives them a process with limits.
"""

from __future__ import annotations

import math
import re
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from entrepot.routing.json_schema import patterns_of, plain, regex_problem, schema_problem, violation

Kind = Literal["json_schema", "regex", "python", "command", "unit_test"]

DEFAULT_TIMEOUT_S = 10.0

_QUICK_STEPS = 10_000_000  # a tenth of a second or so
_REPEATED_GROUP = re.compile(r"\)[*+?{]")
_FENCED = re.compile(r"\s*```[\w+-]*[ \t]*\n(.*?)\n?[ \t]*```\s*", re.DOTALL)
_ANY_FENCED = re.compile(r"```[\w+-]*[ \t]*\n(.*?)\n?[ \t]*```", re.DOTALL)


class Validator(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One check of an answer's text; exactly one of the first five is given."""

    json_schema: Annotated[
        dict[str, Any] | None, Meta(description="The answer is JSON that keeps this JSON Schema.")
    ] = None
    regex: Annotated[str | None, Meta(description="This regular expression is found in the answer.")] = None
    python: Annotated[
        str | None,
        Meta(
            description="A Python expression over answer (text) and value (the answer as JSON, else None), "
            "or a .py file with a function check(answer)."
        ),
    ] = None
    command: Annotated[
        tuple[str, ...] | None, Meta(description="A command that reads the answer from its input and exits with 0.")
    ] = None
    unit_test: Annotated[
        str | None, Meta(description="A .py file of tests that import the answer's code as the module answer.")
    ] = None
    timeout_s: Annotated[float, Meta(gt=0, le=600, description="How long it may take.")] = DEFAULT_TIMEOUT_S

    @property
    def kind(self) -> Kind:
        """Which of the five it is."""
        kinds: tuple[Kind, ...] = ("json_schema", "regex", "python", "command", "unit_test")
        return next(kind for kind in kinds if getattr(self, kind) is not None)


class Verdict(msgspec.Struct, frozen=True):
    """What a check found. `reason` repeats nothing of the answer.

    `conclusive` is false where the check itself could not be made (its file is missing, say): that is nobody's wrong answer.
    """

    passed: bool
    reason: str
    conclusive: bool = True


def validator_problem(validator: Validator) -> str | None:
    """What is wrong with the check itself, None if nothing that can be seen without running it."""
    told = [field for field in validator.__struct_fields__[:5] if getattr(validator, field) is not None]
    if len(told) != 1:
        named = " and ".join(told) or "none"
        return f"a check is one of json_schema, regex, python, command or unit_test; this one has {named}"
    match validator.kind:
        case "json_schema":
            return schema_problem(plain(validator.json_schema))
        case "regex":
            return regex_problem(validator.regex)
        case "python" if not _is_file(validator.python):
            return _expression_problem(validator.python or "")
        case "command" if not validator.command or not validator.command[0]:
            return 'command is empty: write the program and its arguments, such as ["./check.sh"]'
        case "unit_test" if not _is_file(validator.unit_test):
            return "unit_test must name a .py file"
    return None


def file_of(validator: Validator) -> str | None:
    """The file of the operator's that a settled check needs, None where it needs none."""
    told = validator.unit_test if validator.unit_test is not None else validator.python
    return told if _is_file(told) else None


def settle(validator: Validator, folder: str) -> Validator:
    """The check with its files below `folder`, the place of the file that names it, and its numbers as JSON has them."""
    changes: dict[str, Any] = {}
    if validator.json_schema is not None:
        changes["json_schema"] = plain(validator.json_schema)
    for name in ("python", "unit_test"):
        told = getattr(validator, name)
        if _is_file(told) and not told.startswith("/"):
            changes[name] = f"{folder}/{told}"
    if validator.command is not None and validator.command[0].startswith(("./", "../")):
        changes["command"] = (f"{folder}/{validator.command[0]}", *validator.command[1:])
    return msgspec.structs.replace(validator, **changes)


def judge(validator: Validator, answer: str) -> Verdict | None:
    """What the check finds, None where it takes a process to tell. `validator` has no problem and is settled."""
    match validator.kind:
        case "json_schema":
            schema = validator.json_schema or {}
            if not all(_is_quick(pattern, len(answer)) for pattern in patterns_of(schema)):
                return None
            return judge_json(schema, answer)
        case "regex":
            pattern = validator.regex or ""
            return judge_regex(pattern, answer) if _is_quick(pattern, len(answer)) else None
    return None


def judge_json(schema: dict[str, Any], answer: str) -> Verdict:
    """Whether the answer is JSON that keeps the schema; a fence around all of it is taken off."""
    try:
        value = parse_json(answer)
    except ValueError:
        return Verdict(False, "the answer is not JSON")
    found = violation(value, schema)
    return Verdict(True, "the answer keeps the JSON Schema") if found is None else Verdict(False, found)


def judge_regex(pattern: str, answer: str) -> Verdict:
    """Whether the expression is found in the answer."""
    if re.search(pattern, answer):
        return Verdict(True, "the regular expression matches")
    return Verdict(False, "the regular expression does not match")


def parse_json(answer: str) -> Any:  # noqa: ANN401 - any JSON
    """The value of an answer that is JSON, with a fence around it or without. Raises ValueError if it is none."""
    fenced = _FENCED.fullmatch(answer)
    try:
        return msgspec.json.decode((fenced[1] if fenced else answer).encode())
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError) as error:
        raise ValueError("not JSON") from error


def code_of(answer: str) -> str:
    """The code in an answer: its fenced blocks one after another, or all of it where nothing is fenced."""
    return "\n\n".join(_ANY_FENCED.findall(answer)) or answer


def _is_file(told: str | None) -> bool:
    return told is not None and told.endswith(".py") and "\n" not in told


def _expression_problem(expression: str) -> str | None:
    try:
        compile(expression.strip(), "check", "eval")
    except (SyntaxError, ValueError, MemoryError, RecursionError) as error:
        return f"the Python expression cannot be read: {error}"
    return None


def _is_quick(pattern: str, length: int) -> bool:
    """Whether the expression is sure to end soon on a text of this length, however it is written.

    Each sign that leaves a choice multiplies the ways by the length at most, unless a group with choices inside is repeated.
    """
    choices = sum(pattern.count(sign) for sign in "*+?{|")
    return not _REPEATED_GROUP.search(pattern) and (choices + 1) * math.log(length + 1) <= math.log(_QUICK_STEPS)
