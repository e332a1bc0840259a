"""Which line of a TOML document says what: `tomllib` gives values without places, and an error needs its place.

Rules of this file: the document has passed `tomllib`, so nothing is checked again; only places are found. A key path is a
tuple of names and, inside arrays, indices from 0: `("deployments", 2, "price")`. Lines count from 1. Grammar: TOML 1.0.0.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping

Path = tuple[str | int, ...]

_BARE_END = frozenset(",]}#\n")
_KEY_END = frozenset(" \t=.]\n")
_ESCAPES = {"b": "\b", "t": "\t", "n": "\n", "f": "\f", "r": "\r", '"': '"', "\\": "\\"}


def find_lines(document: str) -> dict[Path, int]:
    """The line on which each key path of a valid TOML `document` is first said."""
    scanner = _Scanner(document)
    scanner.scan()
    return scanner.lines


def line_of(lines: Mapping[Path, int], path: Path) -> int | None:
    """The line of `path`, or of the nearest table that would hold it; None where the document says neither."""
    while path:
        if path in lines:
            return lines[path]
        path = path[:-1]
    return None


class _Scanner:
    """One pass over the text; `at` is the next character."""

    def __init__(self, document: str) -> None:
        self.text = document
        self.at = 0
        self.lines: dict[Path, int] = {}
        self._breaks = [index for index, character in enumerate(document) if character == "\n"]
        self._tables_of: dict[Path, int] = {}

    def scan(self) -> None:
        table: Path = ()
        while self._skip_blank():
            if self.text[self.at] == "[":
                table = self._header()
            else:
                self._pair(table)

    def _header(self) -> Path:
        start = self.at
        is_array = self.text.startswith("[[", self.at)
        self.at += 2 if is_array else 1
        keys = self._keys()
        self.at += 2 if is_array else 1
        path: Path = ()
        for key in keys[:-1]:
            path = self._inside((*path, key), start)
        path = (*path, keys[-1])
        self._note(path, start)
        if is_array:
            index = self._tables_of.get(path, 0)
            self._tables_of[path] = index + 1
            path = (*path, index)
            self._note(path, start)
        return path

    def _inside(self, path: Path, start: int) -> Path:
        """`path`, or the newest table of it where it is an array of tables."""
        self._note(path, start)
        tables = self._tables_of.get(path)
        return path if tables is None else (*path, tables - 1)

    def _pair(self, table: Path) -> None:
        start = self.at
        path = table
        for key in self._keys():
            path = (*path, key)
            self._note(path, start)
        self.at += 1  # the equals sign
        self._skip_blank()
        self._value(path)

    def _keys(self) -> list[str]:
        """The names of a dotted key; stops at what follows it."""
        keys = []
        while True:
            self._skip_spaces()
            keys.append(self._quoted() if self.text[self.at] in "\"'" else self._bare_key())
            self._skip_spaces()
            if self.text[self.at] != ".":
                return keys
            self.at += 1

    def _bare_key(self) -> str:
        start = self.at
        while self.text[self.at] not in _KEY_END:
            self.at += 1
        return self.text[start : self.at]

    def _value(self, path: Path) -> None:
        character = self.text[self.at]
        if character in "\"'":
            self._quoted()
        elif character == "[":
            self._array(path)
        elif character == "{":
            self._inline_table(path)
        else:
            while self.at < len(self.text) and self.text[self.at] not in _BARE_END:
                self.at += 1

    def _array(self, path: Path) -> None:
        self.at += 1
        index = 0
        while self._skip_blank() and self.text[self.at] != "]":
            if self.text[self.at] == ",":
                self.at += 1
                continue
            self._note((*path, index), self.at)
            self._value((*path, index))
            index += 1
        self.at += 1

    def _inline_table(self, path: Path) -> None:
        self.at += 1
        while self._skip_blank() and self.text[self.at] != "}":
            if self.text[self.at] == ",":
                self.at += 1
                continue
            self._pair(path)
        self.at += 1

    def _quoted(self) -> str:
        """The text of a string of any of the four kinds; only keys need it exact, and keys have one line."""
        mark = self.text[self.at]
        if self.text.startswith(mark * 3, self.at):
            return self._skip_long_string(mark)
        self.at += 1
        parts = []
        while self.text[self.at] != mark:
            if mark == '"' and self.text[self.at] == "\\":
                parts.append(self._escape())
            else:
                parts.append(self.text[self.at])
                self.at += 1
        self.at += 1
        return "".join(parts)

    def _escape(self) -> str:
        letter = self.text[self.at + 1]
        digits = {"u": 4, "U": 8}.get(letter)
        if digits is None:
            self.at += 2
            return _ESCAPES[letter]
        self.at += 2 + digits
        return chr(int(self.text[self.at - digits : self.at], 16))

    def _skip_long_string(self, mark: str) -> str:
        self.at += 3
        while not self.text.startswith(mark * 3, self.at):
            self.at += 2 if mark == '"' and self.text[self.at] == "\\" else 1
        self.at += 3
        extra = 0
        while extra < 2 and self.text.startswith(mark, self.at):  # up to two of its own quotes may end the text
            self.at += 1
            extra += 1
        return ""

    def _skip_spaces(self) -> None:
        while self.text[self.at] in " \t":
            self.at += 1

    def _skip_blank(self) -> bool:
        """Skip spaces, line ends and comments; False at the end of the text."""
        while self.at < len(self.text):
            character = self.text[self.at]
            if character == "#":
                end = self.text.find("\n", self.at)
                self.at = len(self.text) if end < 0 else end
            elif character in " \t\r\n":
                self.at += 1
            else:
                return True
        return False

    def _note(self, path: Path, at: int) -> None:
        self.lines.setdefault(path, bisect_right(self._breaks, at - 1) + 1)
