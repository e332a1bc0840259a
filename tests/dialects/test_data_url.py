from __future__ import annotations

import base64

import pytest

from entrepot.dialects.data_url import data_of, is_data_url


@pytest.mark.parametrize(
    ("address", "found"),
    [
        ("data:image/png;base64,AAAA", ("image/png", "AAAA")),
        ("DATA:Image/PNG;name=a.png;BASE64,AAAA", ("image/png", "AAAA")),
        ("data:image/jpg;base64,AAAA", ("image/jpeg", "AAAA")),
        ("data:;base64,AAAA", ("", "AAAA")),
        ("data:image/svg+xml;utf8,%3Csvg/%3E", ("image/svg+xml", base64.b64encode(b"<svg/>").decode())),
        ("data:text/plain,猫", ("text/plain", base64.b64encode("猫".encode()).decode())),
        ("data:", ("", "")),
    ],
)
def test_data_comes_out_in_base64_however_the_address_holds_it(address: str, found: tuple[str, str]) -> None:
    assert is_data_url(address)
    assert data_of(address) == found


def test_other_addresses_are_told_apart() -> None:
    assert not is_data_url("https://host/data:x")
