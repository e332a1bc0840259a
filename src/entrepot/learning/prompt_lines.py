"""A file of a company's own prompts: JSON Lines, each with what its answers are graded by.

Rules of this file: a mistake is a DataError that names file, line and what to write; an unknown name is one, because a
misspelt answer key would leave a prompt ungraded.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from entrepot.catalog.nearest import did_you_mean
from entrepot.errors import DataError
from entrepot.routing.validator import Validator, file_of, settle, validator_problem

_NAMES = ("id", "prompt", "messages", "answer", "tolerance", "check", "rubric", "kind", "language")
_IDEOGRAPH = re.compile(r"[\u3400-\u9fff]")
_LETTER = re.compile(r"[^\W\d_]")

AnswerKey = tuple[Any, ...]
"""What an answer may be: any one of these. Text, numbers, or an object whose every value must agree."""


class PromptLine(msgspec.Struct, frozen=True, eq=False):
    """One prompt. `messages` are those of an OpenAI chat request; `line` is where it stands in its file.

    `answers` is the answer key, empty where there is none; a number may be off by `tolerance`. `rubric` tells a judge what a
    good answer is. `language` is `zh` or `en` where the file does not say and the text is one of them.
    """

    id: str
    messages: tuple[dict[str, Any], ...]
    line: int
    answers: AnswerKey = ()
    tolerance: float = 0.0
    check: Validator | None = None
    rubric: str | None = None
    kind: str = ""
    language: str = ""


def read_prompt_lines(path: Path) -> tuple[PromptLine, ...]:
    """Every prompt of the file, in its order. Raises DataError."""
    try:
        lines = path.read_bytes().decode("utf-8-sig").split("\n")
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise DataError(f"{path}, line {line}: not UTF-8; save the file in that encoding") from error
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}") from error
    found: dict[str, PromptLine] = {}
    for number, text in enumerate(lines, 1):
        if not text.strip():
            continue
        prompt = _parse(text, number, path)
        if prompt.id in found:
            first = found[prompt.id].line
            what = (
                f"id '{prompt.id}' is that of line {first} too"
                if '"id"' in text
                else f"the same prompt as line {first}"
            )
            raise DataError(f'{path}, line {number}: {what}; give each prompt an "id" of its own')
        found[prompt.id] = prompt
    if not found:
        raise DataError(f'{path} holds no prompts; write one a line, such as {{"prompt": "…", "answer": "…"}}')
    return tuple(found.values())


def _parse(text: str, number: int, path: Path) -> PromptLine:
    where = f"{path}, line {number}"
    try:
        told = msgspec.json.decode(text.encode(), type=dict[str, Any])
    except (msgspec.MsgspecError, RecursionError) as error:
        raise DataError(f"{where}: not a JSON object: {error}") from error
    for name in told:
        if name not in _NAMES:
            known = did_you_mean(name, _NAMES) or f"; a prompt has {', '.join(_NAMES)}"
            raise DataError(f"{where}: there is no '{name}'{known}")
    messages = _messages(told, where)
    check = _check(told.get("check"), where, path)
    tolerance = told.get("tolerance", 0)
    if isinstance(tolerance, bool) or not isinstance(tolerance, int | float) or not tolerance >= 0:
        raise DataError(f"{where}: 'tolerance' must be a number of at least 0, by which a number may be off")
    shown = text_of(messages)
    return PromptLine(
        id=_text(told, "id", where) or hashlib.sha256(msgspec.json.encode(messages)).hexdigest()[:16],
        messages=messages,
        line=number,
        answers=_answers(told.get("answer"), where),
        tolerance=float(tolerance),
        check=check,
        rubric=_text(told, "rubric", where) or None,
        kind=_text(told, "kind", where),
        language=_text(told, "language", where) or _language_of(shown),
    )


def _text(told: Mapping[str, Any], name: str, where: str) -> str:
    value = told.get(name, "")
    if not isinstance(value, str):
        raise DataError(f"{where}: '{name}' must be text")
    return value


def _messages(told: Mapping[str, Any], where: str) -> tuple[dict[str, Any], ...]:
    if ("prompt" in told) == ("messages" in told):
        raise DataError(f"{where}: give either 'prompt', a text, or 'messages', as in a chat request")
    if "prompt" in told:
        if not _text(told, "prompt", where).strip():
            raise DataError(f"{where}: 'prompt' is empty")
        return ({"role": "user", "content": told["prompt"]},)
    messages = told["messages"]
    if not isinstance(messages, list) or not messages or not all(isinstance(each, dict) for each in messages):
        raise DataError(f"{where}: 'messages' must be a list of objects with a role and a content")
    return tuple(messages)


def _check(told: object, where: str, path: Path) -> Validator | None:
    if told is None:
        return None
    try:
        check = msgspec.convert(told, Validator)
    except msgspec.ValidationError as error:
        raise DataError(f"{where}: 'check': {error}") from error
    problem = validator_problem(check)
    if problem is not None:
        raise DataError(f"{where}: 'check': {problem}")
    check = settle(check, str(path.absolute().parent))
    file = file_of(check)
    if file is not None and not Path(file).is_file():
        raise DataError(f"{where}: 'check': {file} is not there, so no answer could be checked")
    return check


def _answers(told: object, where: str) -> AnswerKey:
    if told is None:
        return ()
    answers = tuple(told) if isinstance(told, list) else (told,)
    fine = [isinstance(each, str | int | float | dict) and not isinstance(each, bool) for each in answers]
    if not all(fine) or not answers or any(each == "" for each in answers):
        raise DataError(f"{where}: 'answer' must be text, a number, an object, or a list of such of which any is right")
    return answers


def text_of(messages: tuple[dict[str, Any], ...]) -> str:
    """What the messages say, those of the system left out, one after another."""
    said: list[str] = []
    for message in messages:
        content = message.get("content")
        parts = content if isinstance(content, list) else [{"text": content}]
        if message.get("role") not in ("system", "developer"):
            said.extend(str(part["text"]) for part in parts if isinstance(part, dict) and part.get("text"))
    return "\n\n".join(said)


def _language_of(text: str) -> str:
    ideographs, letters = len(_IDEOGRAPH.findall(text)), len(_LETTER.findall(text))
    if not letters:
        return ""
    if ideographs * 4 > letters:  # an ideograph says about as much as four letters do
        return "zh"
    return "en" if text.isascii() else ""
