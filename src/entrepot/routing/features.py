"""From a request to a prompt, and from a prompt to numbers: hashed words and characters, and the outside of the request.

Rules of this file: numpy only, and slice first, so that a megabyte costs what four kilobytes cost. Text becomes an array of
code points; every n-gram is a difference of one prefix sum (a polynomial hash modulo 2^32, Rabin 1981), so nothing here
loops over characters. Nothing depends on case, on the value of a digit, or on spaces between words of a script that has
none: an ideograph is a word.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import log, log1p, sqrt  # on single numbers a tenth of what numpy's cost

import numpy as np
from numpy.typing import NDArray

from entrepot.canonical.capabilities import estimate_input_tokens
from entrepot.canonical.request import Media, Request, Text, ToolResult
from entrepot.routing.base import Floats, Prompt

BUCKETS = 1 << 13
HEAD_CHARS = 3072
TAIL_CHARS = 1024
MAX_CHARS = HEAD_CHARS + TAIL_CHARS
_CONTEXT_CHARS = 1024

# One class a code point; counting them is the whole of the structural features. First what belongs to no word, then signs that
# are words by themselves, then those that make words together.
_CLASSES = (
    "other", "space", "newline", "question", "stop", "maths", "code", "quote", "backslash",
    "ideograph", "kana", "thai",
    "letter", "digit", "hangul", "arabic", "cyrillic", "greek", "indic", "hebrew",
)  # fmt: skip
_CLASS = {name: number for number, name in enumerate(_CLASSES)}
_BLOCKS = (
    (0x00C0, 0x0250, "letter"),
    (0x0370, 0x0400, "greek"),
    (0x0400, 0x0530, "cyrillic"),
    (0x0590, 0x0600, "hebrew"),
    (0x0600, 0x0780, "arabic"),
    (0x0900, 0x0E00, "indic"),
    (0x0E00, 0x0E80, "thai"),
    (0x1E00, 0x2000, "letter"),
    (0x2200, 0x2300, "maths"),
    (0x3040, 0x3100, "kana"),
    (0x3400, 0x4DC0, "ideograph"),
    (0x4E00, 0xA000, "ideograph"),
    (0xAC00, 0xD7B0, "hangul"),
    (0xF900, 0xFB00, "ideograph"),
)
_SIGNS = {
    "space": " \t\r\u00a0\u3000",
    "newline": "\n",
    "digit": "0123456789",
    "question": "?？؟",
    "stop": ".,;:!。，、；：！،۔",
    "maths": "+=^<>%$×÷±√∑∫≤≥≠−°",
    "code": "{}[]()_#@&|~`*/",
    "quote": "\"'“”‘’「」『』《》",
    "backslash": "\\",
}
_FIRST_WORD, _FIRST_JOINED = _CLASS["ideograph"], _CLASS["letter"]
_NEWLINE, _LETTER, _DIGIT = _CLASS["newline"], _CLASS["letter"], _CLASS["digit"]

STRUCTURE = (
    "log_chars", "log_words", "word_length", "log_lines", "line_length", "options",
    "space", "letter", "digit", "question", "stop", "maths", "code", "quote", "backslash",
    "ideograph", "kana", "hangul", "arabic", "cyrillic", "greek", "indic", "thai", "hebrew",
    "numbers", "log_turns", "tools", "images", "json",
)  # fmt: skip
"""Names of the structural features, in order."""
_SHARES = STRUCTURE[STRUCTURE.index("space") : STRUCTURE.index("hebrew") + 1]
_SHARE_CLASSES = tuple(_CLASS[name] for name in _SHARES)
_STOP, _BRACKET = ord("."), ord(")")


_LAST_BMP = 0xFFFF
_FULL_WIDTH, _FULL_WIDTH_END, _FULL_WIDTH_SHIFT = 0xFF01, 0xFF5F, 0xFEE0


def _tables() -> tuple[NDArray[np.uint8], NDArray[np.uint32]]:
    """Class and folded form of every code point of the basic plane (what lies above counts as its last one)."""
    classes = np.zeros(_LAST_BMP + 1, np.uint8)
    for first, end, name in _BLOCKS:
        classes[first:end] = _CLASS[name]
    for letters in (range(ord("a"), ord("z") + 1), range(ord("A"), ord("Z") + 1)):
        classes[letters.start : letters.stop] = _CLASS["letter"]
    for name, signs in _SIGNS.items():
        for sign in signs:
            classes[ord(sign)] = _CLASS[name]
    fold = np.arange(_LAST_BMP + 1, dtype=np.uint32)
    for code in range(0x2000):  # scripts with case live below; the rest is its own lower case
        lower = chr(code).lower()
        if len(lower) == 1:
            fold[code] = ord(lower)
    fold[ord("0") : ord("9") + 1] = ord("0")
    half = np.arange(_FULL_WIDTH, _FULL_WIDTH_END) - _FULL_WIDTH_SHIFT
    classes[_FULL_WIDTH:_FULL_WIDTH_END] = classes[half]
    fold[_FULL_WIDTH:_FULL_WIDTH_END] = fold[half]
    return classes, fold


_CLASS_OF, _FOLD_OF = _tables()
_FOLD_OF += np.uint32(1)  # so that no sign is a zero, which a hash could not tell from nothing

_BASE = 0x9E3779B1  # odd, so that it has an inverse modulo 2^32
_POWERS = np.empty(MAX_CHARS + 2, np.uint32)
_INVERSES = np.empty(MAX_CHARS + 2, np.uint32)
_POWERS[0] = _INVERSES[0] = 1
_POWERS[1:], _INVERSES[1:] = _BASE, pow(_BASE, -1, 1 << 32)
np.multiply.accumulate(_POWERS, out=_POWERS)
np.multiply.accumulate(_INVERSES, out=_INVERSES)
_RUN = 3  # characters: longer runs collide more than they tell: by cross-validation
_SALT = np.uint32(0x85EBCA6B)
_MIX = np.uint32(0xC2B2AE35)
_SHIFT = np.uint32(32 - BUCKETS.bit_length() + 1)


def prompt_of(request: Request, input_tokens: int | None = None) -> Prompt:
    """What a router may see of `request`: the last user turn, and a bounded slice of the system and earlier turns before it.

    Costs what a few kilobytes cost, however long the request. `input_tokens` is the request's length where it is known
    already; otherwise it is estimated, which reads the whole text once.
    """
    last = next((i for i in range(len(request.messages) - 1, -1, -1) if request.messages[i].role == "user"), None)
    asked = _Slice(MAX_CHARS)
    context = _Slice(_CONTEXT_CHARS)
    images = False
    for number, message in enumerate(request.messages):
        into = asked if number == last else context
        for part in message.parts:
            if isinstance(part, Text):
                into.add(part.text)
            elif isinstance(part, ToolResult):
                for inner in part.parts:
                    if isinstance(inner, Text):
                        into.add(inner.text)
            elif isinstance(part, Media):
                images = images or part.kind == "image"
    text = asked.text()
    room = MAX_CHARS - len(text)
    before = context.text()[: max(room, 0)]
    sample = f"{before}\n{text}" if before else text
    return Prompt(
        text=sample,
        input_tokens=estimate_input_tokens(request) if input_tokens is None else input_tokens,
        turns=len(request.messages),
        has_tools=bool(request.tools),
        has_images=images,
        wants_json=request.output_format.kind != "text",
    )


class _Slice:
    """The head and the tail of text that comes in pieces, at most `limit` characters of it, without joining the rest."""

    def __init__(self, limit: int) -> None:
        self._head: list[str] = []
        self._head_room = limit * 3 // 4
        self._tail = ""
        self._tail_room = limit - self._head_room

    def add(self, piece: str) -> None:
        """Take one piece."""
        head = piece[: self._head_room]
        if head:
            self._head.append(head)
            self._head_room -= len(head)
        rest = len(piece) - len(head)
        if rest:
            # a slice of the end alone: the piece may be a megabyte
            self._tail = (self._tail + piece[-min(rest, self._tail_room) :])[-self._tail_room :]

    def text(self) -> str:
        """What was kept."""
        return "\n".join(self._head) + self._tail


def read_prompt(prompt: Prompt) -> tuple[Floats, Floats]:
    """The prompt's n-gram counts, shape (BUCKETS,), and its structural features, shape (len(STRUCTURE),)."""
    buckets, structure = read_ngrams(prompt)
    return np.bincount(buckets, minlength=BUCKETS).astype(np.float32), structure


def read_ngrams(prompt: Prompt) -> tuple[NDArray[np.uint32], Floats]:
    """The bucket of every n-gram of the prompt, as often as it occurs, and its structural features.

    White space around it says nothing.
    """
    text = prompt.text.strip()
    if len(text) > MAX_CHARS:
        text = text[:HEAD_CHARS] + text[-TAIL_CHARS:]
    codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)
    classes = _CLASS_OF.take(codes, mode="clip")
    starts, ends = _words(classes)
    return _hash(_FOLD_OF.take(codes, mode="clip"), starts, ends), _structure(prompt, codes, classes, starts, ends)


def _words(classes: NDArray[np.uint8]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Where each word starts and ends: a run of letters and digits, or a single ideograph."""
    joined = np.zeros(len(classes) + 2, np.bool_)
    np.greater_equal(classes, _FIRST_JOINED, out=joined[1:-1])
    within = joined[:-1] & joined[1:]  # whether a word goes on from the sign before to this one
    word = classes >= _FIRST_WORD
    return (word > within[:-1]).nonzero()[0], (word > within[1:]).nonzero()[0] + 1


def _hash(folded: NDArray[np.uint32], starts: NDArray[np.intp], ends: NDArray[np.intp]) -> NDArray[np.uint32]:
    """The bucket of every word, pair of neighbouring words, and run of characters."""
    prefix = np.zeros(len(folded) + 1, np.uint32)
    np.multiply(folded, _POWERS[: len(folded)], out=prefix[1:])
    np.add.accumulate(prefix, out=prefix)
    words = prefix.take(ends)
    words -= prefix.take(starts)
    words *= _INVERSES.take(starts)
    count, pairs, runs = len(words), max(len(words) - 1, 0), max(len(folded) - _RUN + 1, 0)
    mixed = np.empty(count + pairs + runs, np.uint32)
    np.multiply(words, _SALT, out=mixed[:count])
    following = mixed[count : count + pairs]
    np.multiply(words[:-1], _MIX, out=following)
    following += words[1:]
    following ^= _SALT
    characters = mixed[count + pairs :]
    np.subtract(prefix[_RUN:], prefix[:runs], out=characters)
    characters *= _INVERSES[:runs]
    characters += np.uint32(_RUN)
    mixed ^= mixed >> np.uint32(15)
    mixed *= _MIX
    mixed ^= mixed >> np.uint32(13)
    mixed *= _SALT
    mixed >>= _SHIFT
    return mixed


def _structure(
    prompt: Prompt,
    codes: NDArray[np.uint32],
    classes: NDArray[np.uint8],
    starts: NDArray[np.intp],
    ends: NDArray[np.intp],
) -> Floats:
    length, words = len(codes), len(starts)
    counts = np.bincount(classes, minlength=len(_CLASSES)).tolist()
    numbers = 0
    if counts[_DIGIT]:
        digit = classes == _DIGIT
        numbers = int(np.count_nonzero(digit[1:] > digit[:-1])) + bool(digit[0])
    lines, per_char = counts[_NEWLINE] + 1, 1 / max(length, 1)
    return np.array(
        (
            log1p(length),
            log1p(words),
            int(ends.sum() - starts.sum()) / max(words, 1),
            log(lines),
            log1p(max(length, 1) / lines),
            log1p(_options(codes, classes)) if lines > 1 else 0.0,
            *[sqrt(counts[number] * per_char) for number in _SHARE_CLASSES],
            log1p(numbers),
            log1p(max(prompt.turns - 1, 0)),
            prompt.has_tools,
            prompt.has_images,
            prompt.wants_json,
        ),
        np.float32,
    )


def _options(codes: NDArray[np.uint32], classes: NDArray[np.uint8]) -> int:
    """Lines that begin as options of a multiple choice do: a letter, then a full stop or a bracket."""
    first = (classes[:-2] == _NEWLINE).nonzero()[0] + 1
    after = codes.take(first + 1)
    return int(np.count_nonzero((classes.take(first) == _LETTER) & ((after == _STOP) | (after == _BRACKET))))


def read_prompts(prompts: Sequence[Prompt]) -> tuple[Floats, Floats]:
    """`read_prompt` for many: shapes (prompts, BUCKETS) and (prompts, structure)."""
    counts = np.empty((len(prompts), BUCKETS), np.float32)
    structure = np.empty((len(prompts), len(STRUCTURE)), np.float32)
    for number, prompt in enumerate(prompts):
        counts[number], structure[number] = read_prompt(prompt)
    return counts, structure
