"""A request's body taken apart: whatever is wrong with it is the caller's fault, told by the name of the offending part."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import accumulate

import msgspec

from entrepot.errors import InvalidRequest

MOST_LEVELS = 256
"""How deep a body may be nested. Python's own bound, which all that walks over a request shares, is at about a thousand."""
_AT = re.compile(r" - at `\$\.?(?P<path>.*)`$")
_BRACKETS = b'[]{}"'
_OTHERS = bytes(set(range(256)) - set(_BRACKETS))
_STRING = re.compile(rb'"[^"]*"')
_STEPS = {**dict.fromkeys(b"[{", 1), **dict.fromkeys(b"]}", -1), ord('"'): 0}


@contextmanager
def taking_apart(body: bytes) -> Iterator[None]:
    """What msgspec raises in here becomes InvalidRequest, and so does a body that is not UTF-8.

    msgspec does not check text that it skips, and it would be found out at a worse moment.
    """
    try:
        body.decode()
        _hold_to_levels(body)
        yield
    except msgspec.ValidationError as error:
        raise refusal_of(str(error)) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InvalidRequest(f"the body is not valid JSON: {error}", code="invalid_json") from None
    except RecursionError:
        raise InvalidRequest("the body is nested too deeply", code="invalid_json") from None


def _hold_to_levels(body: bytes) -> None:
    if is_too_deep(body):
        raise RecursionError


def is_too_deep(body: bytes) -> bool:
    """Whether JSON is nested deeper than MOST_LEVELS: what could be read here might not be walked over elsewhere."""
    if body.count(b"{") + body.count(b"[") <= MOST_LEVELS:
        return False
    bare = body.replace(b"\\\\", b"").replace(b'\\"', b"").translate(None, _OTHERS)
    steps = map(_STEPS.__getitem__, _STRING.sub(b"", bare))
    return any(level > MOST_LEVELS for level in accumulate(steps))


def refusal_of(text: str) -> InvalidRequest:
    """msgspec's words for a value of a wrong type, with the path of the value as `param`."""
    found = _AT.search(text)
    if found is None:
        return InvalidRequest(text.replace("`", "'"), code="invalid_type")
    path = found["path"].replace("[...]", "[*]")
    return InvalidRequest(f"'{path}': {text[: found.start()].replace('`', '')}", param=path, code="invalid_type")
