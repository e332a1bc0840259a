r"""What an answer says, in a form that can be compared with other models' answers to the same request.

Rules of this file: what is asked decides what is compared, unless the route says it: the JSON value where a schema or JSON was
asked for, the calls where a tool is called, the letter where options are listed, else the final answer that a text states
(\boxed, `####`, "the answer is", 答案是), else a short text as a whole. A longer text without a final answer cannot be compared:
two good letters are never the same. No vote is cast by an answer that was cut short, filtered or refused, or says that it does
not know: two who do not know agree on nothing.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Sequence
from typing import Any, Literal

import msgspec

from entrepot.canonical.request import Refusal, Request, Text, ToolCall
from entrepot.canonical.response import Choice, Response
from entrepot.routing.comparable import comparable
from entrepot.routing.pointer import pointed
from entrepot.routing.votes import AnswerKind

By = Literal["auto", "text", "number", "choice", "json", "tool_call", "regex"]
Abstention = Literal["truncated", "refused", "filtered", "incomparable"]

_SHORT_CHARACTERS = 120
_LONGEST_CHARACTERS = 200_000
_LAST_CHARACTERS = 20_000  # of a text that is searched for its final answer
_LETTERS = "ABCDEFGHIJ"
_FENCE = re.compile(r"\s*```[\w+-]*[ \t]*\n(.*?)\n?[ \t]*```\s*", re.DOTALL)
PATTERN_CHARACTERS = 2_000
"""The end of an answer, in which a route's own pattern is looked for: some take long in a long text."""
_DRESS = re.compile(r"\*\*|__|`|\\\(|\\\)|\$")
_MARKED = re.compile(
    r"(?:####|final answer|(?:correct )?answer|最终答案|答案|最終答案)"
    r"[ \t]*(?:is|are|would be|应该是|应为|是|为|為)?[ \t]*[:：=]?[ \t]*(?:is[ \t])?([^\n]{1,200})",
    re.IGNORECASE,
)
_NUMBER_IN_TEXT = re.compile(r"(?<![\w.])[-+]?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?(?![\w])")
_IS_NUMBER = re.compile(r"-?(?:\d+\.?\d*(?:e[-+]?\d+)?|inf)")
_OPTION_LINE = re.compile(r"^[ \t]*[(（]?([A-J])[)）.、:：]", re.MULTILINE)
_SETTLED = re.compile(r"(?:故选|应选|选择|选|\boption)[ \t]*[：:]?[ \t]*[(（]?([A-J])(?![A-Za-z])", re.IGNORECASE)
_NO_ANSWER = re.compile(
    r"(?:i(?:'m| am) (?:sorry|not sure|unable)|sorry\b|i (?:do not|don't|can(?:not|'t)|won't)\b|as an ai\b"
    r"|抱歉|对不起|很遗憾|我?(?:不知道|不清楚|不确定|无法|不能)|我没有)",
    re.IGNORECASE,
)
_LETTER_ALONE = re.compile(r"[(（\[]?([A-J])[)）\]]?(?:[.、:：,，\s].*)?", re.DOTALL)


class Compare(msgspec.Struct, frozen=True):
    """What of an answer is compared. `field` is a JSON pointer (RFC 6901) into it for `json`, `pattern` a regular expression
    for `regex`, whose last match counts, or its first group; `options` are what a `choice` is among, by default letters. A
    pattern that repeats a group could look for ever (settings refuse it).
    """

    by: By = "auto"
    field: str | None = None
    pattern: str | None = None
    options: tuple[str, ...] = ()


class Ballot(msgspec.Struct, frozen=True):
    """`key` is the same for the same answer, None where no vote is cast: `abstained` says why.

    `options` is how many answers there are to choose from, None if that is not known.
    """

    kind: AnswerKind
    key: str | None
    abstained: Abstention | None = None
    options: int | None = None


def expected_kind(request: Request, compare: Compare) -> tuple[AnswerKind, int | None]:
    """The kind of answers to expect before any is there, and among how many."""
    match compare.by:
        case "number" | "json" | "tool_call" | "text":
            return compare.by, None
        case "choice":
            return "choice", len(compare.options) or _count_options(request) or None
        case "regex":
            return "text", None
    if request.output_format.kind != "text":
        return "json", None
    if options := _count_options(request):
        return "choice", options
    return "text", None


def cast(response: Response, request: Request, compare: Compare) -> Ballot:
    """The ballot of a whole answer with one choice."""
    kind, options = expected_kind(request, compare)
    if not response.choices:
        return Ballot(kind, None, "incomparable")
    choice = response.choices[0]
    if (why := _abstains(choice)) is not None:
        return Ballot(kind, None, why)
    calls = [part for part in choice.parts if isinstance(part, ToolCall)]
    if calls and compare.by in ("auto", "tool_call"):
        return Ballot("tool_call", "\n".join(sorted(_call_key(call) for call in calls)))
    text = "".join(part.text for part in choice.parts if isinstance(part, Text))[:_LONGEST_CHARACTERS]
    if kind == "text" and compare.by == "auto" and not calls and _NO_ANSWER.match(_curled(text)):
        return Ballot(kind, None, "refused", options)
    key = None if calls else _key_of(text, kind, options, compare)
    if key is None:
        return Ballot(kind, None, "incomparable", options)
    if kind == "text" and compare.by == "auto" and _IS_NUMBER.fullmatch(key):
        kind = "number"
    return Ballot(kind, key, None, options)


def _abstains(choice: Choice) -> Abstention | None:
    if choice.finish_reason == "length":
        return "truncated"
    if choice.finish_reason == "content_filter":
        return "filtered"
    if choice.finish_reason == "refusal" or any(isinstance(part, Refusal) for part in choice.parts):
        return "refused"
    return "truncated" if choice.finish_reason in ("pause", "error") else None


def _key_of(text: str, kind: AnswerKind, options: int | None, compare: Compare) -> str | None:
    if compare.by not in ("text", "regex") and kind != "json":
        text = text[-_LAST_CHARACTERS:]
    match compare.by, kind:
        case "regex", _:
            return _found(compare.pattern or "", text)
        case "tool_call", _:
            return None
        case _, "json":
            return _json_key(text, compare.field)
        case _, "choice":
            return _chosen(text, compare.options or _LETTERS[: options or len(_LETTERS)])
        case "number", _:
            return _number(text)
        case "text", _:
            return _comparable(_undressed(text))
    marked = _final(text)
    if marked is not None:
        return _comparable(marked)
    bare = _undressed(text).strip()
    return _comparable(bare) if len(bare) <= _SHORT_CHARACTERS else None


def _found(pattern: str, text: str) -> str | None:
    last = None
    for last in re.finditer(pattern, text[-PATTERN_CHARACTERS:]):  # noqa: B007 - the last one is what is wanted
        pass
    if last is None:
        return None
    return _comparable(last[1] if last.re.groups else last[0])


def _json_key(text: str, field: str | None) -> str | None:
    fenced = _FENCE.fullmatch(text)
    try:
        value = msgspec.json.decode((fenced[1] if fenced else text).encode())
        if field is not None:
            value = pointed(value, field)
        return msgspec.json.encode(_plain(value), order="sorted").decode()
    except (msgspec.MsgspecError, UnicodeError, LookupError, ValueError, OverflowError, RecursionError):
        return None


def _plain(value: Any) -> Any:  # noqa: ANN401 - any JSON
    """JSON with what does not matter taken off: 1.0 is 1, and texts are compared as texts are."""
    if isinstance(value, dict):
        return {unicodedata.normalize("NFKC", name): _plain(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_plain(each) for each in value]
    if isinstance(value, float) and math.isfinite(value) and value == int(value):
        return int(value)
    return _comparable(value) or "" if isinstance(value, str) else value


def _call_key(call: ToolCall) -> str:
    arguments = _json_key(call.arguments, None)
    return f"{call.name}{call.arguments if arguments is None else arguments}"


def _chosen(text: str, options: Sequence[str]) -> str | None:
    """The one option that a text settles on, by its last word on it."""
    letters = all(len(option) == 1 for option in options)
    marked = _final(text)
    for said in (marked, _undressed(text).strip()):
        if said is None:
            continue
        if letters:
            alone = _LETTER_ALONE.fullmatch(unicodedata.normalize("NFKC", said).strip())
            found = [alone[1]] if alone else _SETTLED.findall(said)
            if found and found[-1].upper() in options:
                return str(found[-1]).upper()
        else:
            named = [option for option in options if _folded(option) in _folded(said)]
            named = [
                one for one in named if not any(one != other and _folded(one) in _folded(other) for other in named)
            ]
            if len(named) == 1:
                return named[0]
    return None


def _folded(text: str) -> str:
    return unicodedata.normalize("NFKC", text).casefold()


def _number(text: str) -> str | None:
    for said in (_final(text), _undressed(text).strip()):
        if said is None:
            continue
        key = _comparable(said)
        if key is not None and _IS_NUMBER.fullmatch(key):
            return key
        if numbers := _NUMBER_IN_TEXT.findall(unicodedata.normalize("NFKC", said)):
            return _comparable(numbers[-1])
    return None


def _curled(text: str) -> str:
    """The beginning of a text with plain apostrophes."""
    return text[:_SHORT_CHARACTERS].strip().replace("\u2019", "'")


def _comparable(text: str) -> str | None:
    """As `comparable`, with the mathematical minus as the one of keyboards."""
    return comparable(text.replace("\u2212", "-"))


def _final(text: str) -> str | None:
    """What a text says its answer is, by its last word on it; None if it does not say."""
    if (boxed := text.rfind("\\boxed{")) >= 0:
        return _undressed(_braced(text[boxed + len("\\boxed{") :]))
    bare = _undressed(text)
    marks = _MARKED.findall(bare)
    return marks[-1].strip().rstrip(".。") or None if marks else None


def _braced(text: str) -> str:
    """The text up to the brace that closes the one before it."""
    depth = 1
    for place, sign in enumerate(text):
        depth += (sign == "{") - (sign == "}")
        if depth == 0:
            return text[:place]
    return text


def _undressed(text: str) -> str:
    return _DRESS.sub("", text)


def _count_options(request: Request) -> int:
    """How many options the last user turn lists, by letters from A on; 0 if it lists none."""
    last = next((message for message in reversed(request.messages) if message.role == "user"), None)
    if last is None:
        return 0
    found = list(dict.fromkeys(_OPTION_LINE.findall(last.text()[-_LONGEST_CHARACTERS:])))
    return len(found) if len(found) > 1 and found == list(_LETTERS[: len(found)]) else 0
