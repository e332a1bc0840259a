"""A request's body taken apart: whatever is wrong with it is the caller's fault, told by the name of the offending part."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

import msgspec

from entrepot.errors import InvalidRequest

_AT = re.compile(r" - at `\$\.?(?P<path>.*)`$")


@contextmanager
def taking_apart(body: bytes) -> Iterator[None]:
    """What msgspec raises in here becomes InvalidRequest, and so does a body that is not UTF-8.

    msgspec does not check text that it skips, and it would be found out at a worse moment.
    """
    try:
        body.decode()
        yield
    except msgspec.ValidationError as error:
        raise refusal_of(str(error)) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InvalidRequest(f"the body is not valid JSON: {error}", code="invalid_json") from None
    except RecursionError:
        raise InvalidRequest("the body is nested too deeply", code="invalid_json") from None


def refusal_of(text: str) -> InvalidRequest:
    """msgspec's words for a value of a wrong type, with the path of the value as `param`."""
    found = _AT.search(text)
    if found is None:
        return InvalidRequest(text.replace("`", "'"), code="invalid_type")
    path = found["path"].replace("[...]", "[*]")
    return InvalidRequest(f"'{path}': {text[: found.start()].replace('`', '')}", param=path, code="invalid_type")
