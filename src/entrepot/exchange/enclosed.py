"""A text file that a request encloses as base64: bare, or behind the head of a data URL.

Rules of this file: pure. What holds a control character is no text (pictures, sound, PDF and office files do within their first
bytes) and stays unread. What is not UTF-8 is read byte by byte where it is long: the digits and addresses of every other encoding
but UTF-16 are ASCII, a spreadsheet's export in GB18030 among them.
"""

from __future__ import annotations

import base64
import binascii
import re
from typing import NamedTuple

_ENCODED = re.compile(r"(?P<head>data:[^,]{0,200};base64,)?(?P<data>[A-Za-z0-9+/_\-\r\n]{16,}={0,2}[\r\n]*)\Z")
_CONTROL = re.compile(rb"[\0-\x08\x0b\x0c\x0e-\x1f\x7f]")
_LINE_ENDS = str.maketrans("-_", "+/", "\r\n")
_BEGINNING = 4096
_SHORT = 256


class Enclosed(NamedTuple):
    """A file's text; `head` is what stands before its base64, `encoding` what its bytes are in."""

    head: str
    text: str
    encoding: str

    def enclose(self, text: str) -> str:
        """The same with another text."""
        return self.head + base64.b64encode(text.encode(self.encoding)).decode()


def open_enclosed(written: str) -> Enclosed | None:
    """The text file that `written` is; None where it is none."""
    found = _ENCODED.match(written)
    if found is None or (beginning := _decode(found["data"][:_BEGINNING])) is None or _CONTROL.search(beginning):
        return None
    data = beginning if len(found["data"]) <= _BEGINNING else _decode(found["data"])
    if data is None:
        return None
    try:
        return Enclosed(found["head"] or "", data.decode(), "utf-8")
    except UnicodeDecodeError:
        return None if len(data) < _SHORT else Enclosed(found["head"] or "", data.decode("latin-1"), "latin-1")


def _decode(written: str) -> bytes | None:
    plain = written.translate(_LINE_ENDS).rstrip("=")
    plain = plain[: len(plain) - (len(plain) % 4 == 1)]
    try:
        return base64.b64decode(plain + "=" * (-len(plain) % 4))
    except binascii.Error:
        return None
