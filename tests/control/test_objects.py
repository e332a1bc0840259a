from __future__ import annotations

import pytest

from entrepot.control.objects import LONGEST_NAME, Secret, StoredKey, check_name, settings_of
from entrepot.errors import InvalidRequest


@pytest.mark.parametrize("name", ["a", "张伟", "web shop/1", "é", "x" * LONGEST_NAME])
def test_a_name_may_be_in_any_script(name: str) -> None:
    check_name(name)


def test_what_is_wrong_is_told_by_its_place() -> None:
    with pytest.raises(InvalidRequest) as caught:
        check_name("a\tb", "team")
    assert caught.value.param == "team"
    assert "a\tb" not in caught.value.message


def test_a_secret_ends_with_its_key_at_the_latest() -> None:
    old, new = Secret("0" * 64, "ent-", 0, until_s=50.0), Secret("1" * 64, "ent-", 10)
    assert [one.expires_s for one in settings_of(StoredKey("k", (old, new), 0))] == [50.0, None]
    assert [one.expires_s for one in settings_of(StoredKey("k", (old, new), 0, expires_s=20.0))] == [20.0, 20.0]
