"""JSON pointers (RFC 6901): the place of a value within another."""

from __future__ import annotations

from typing import Any


def pointed(value: Any, pointer: str) -> Any:  # noqa: ANN401 - any JSON
    """The value at a JSON pointer; all of it at the empty one. Raises LookupError or ValueError where there is none."""
    for step in pointer.split("/")[1:]:
        name = step.replace("~1", "/").replace("~0", "~")
        if isinstance(value, dict):
            value = value[name]
        elif isinstance(value, list):
            value = value[int(name)]
        else:
            raise LookupError(name)  # noqa: TRY004 - a value without parts has no such place
    return value
