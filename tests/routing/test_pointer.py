from __future__ import annotations

import pytest

from entrepot.routing.pointer import pointed

VALUE = {"a": [{"b/c": 1, "~": 2}], "": 3}


@pytest.mark.parametrize(("pointer", "found"), [("", VALUE), ("/a/0/b~1c", 1), ("/a/0/~0", 2), ("/", 3)])
def test_a_pointer_finds_its_place(pointer: str, found: object) -> None:
    assert pointed(VALUE, pointer) == found


@pytest.mark.parametrize("pointer", ["/b", "/a/1", "/a/x", "/a/0/b~1c/d"])
def test_a_place_that_is_not_there_is_an_error(pointer: str) -> None:
    with pytest.raises((LookupError, ValueError)):
        pointed(VALUE, pointer)
