from __future__ import annotations

import pytest

from entrepot.settings.networks import check_network


@pytest.mark.parametrize("text", ["10.0.0.0/8", "192.0.2.1", "2001:db8::/32", "::1", "0.0.0.0/0"])
def test_a_network_or_an_address_is_one(text: str) -> None:
    assert check_network(text) is None


@pytest.mark.parametrize("text", ["", "localhost", "10.0.0.0/33", "10.0.0", "10.0.0.0/8 ", "十"])
def test_what_is_none_is_told(text: str) -> None:
    assert "expected a network" in (check_network(text) or "")


def test_a_prefix_that_cuts_an_address_is_told_with_the_right_one() -> None:
    assert "the network is 10.1.0.0/16" in (check_network("10.1.2.3/16") or "")
