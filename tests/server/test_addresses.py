from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from entrepot.server.addresses import caller_address, lies_in, parse_networks

TRUSTED = parse_networks(["10.0.0.0/8", "::1"])


@pytest.mark.parametrize(
    ("peer", "forwarded", "caller"),
    [
        ("203.0.113.7", "", "203.0.113.7"),
        ("203.0.113.7", "10.0.0.1", "203.0.113.7"),  # nobody's proxy: what it says of others counts for nothing
        ("10.0.0.2", "", "10.0.0.2"),
        ("10.0.0.2", "203.0.113.7", "203.0.113.7"),
        ("10.0.0.2", "192.0.2.1, 203.0.113.7", "203.0.113.7"),  # the client wrote the first one
        ("10.0.0.2", "192.0.2.1, 203.0.113.7, 10.9.9.9", "203.0.113.7"),
        ("10.0.0.2", "10.0.0.3, 10.0.0.4", "10.0.0.3"),
        ("10.0.0.2", "203.0.113.7:4711", "203.0.113.7"),
        ("::1", "[2001:db8::7]:443", "2001:db8::7"),
        ("::1", "fe80::1%eth0", "fe80::1"),
        ("::ffff:203.0.113.7", "", "203.0.113.7"),
        ("::ffff:10.0.0.2", "192.0.2.1", "192.0.2.1"),
    ],
)
def test_the_caller_is_the_last_that_is_no_trusted_proxy(peer: str, forwarded: str, caller: str) -> None:
    assert caller_address(peer, forwarded, TRUSTED) == ipaddress.ip_address(caller)


@pytest.mark.parametrize(
    ("peer", "forwarded"), [(None, ""), ("", ""), ("unix:", "10.0.0.1"), ("10.0.0.2", "203.0.113.7, unknown")]
)
def test_what_is_no_address_is_nobodys(peer: str | None, forwarded: str) -> None:
    assert caller_address(peer, forwarded, TRUSTED) is None


@given(st.text())
def test_no_text_that_a_client_writes_gets_past_the_proxys_own_word(written: str) -> None:
    assert caller_address("10.0.0.2", f"{written},203.0.113.7", TRUSTED) == ipaddress.ip_address("203.0.113.7")


def test_a_network_holds_addresses_of_its_own_version_only() -> None:
    assert lies_in(ipaddress.ip_address("10.1.2.3"), TRUSTED)
    assert not lies_in(ipaddress.ip_address("::10.1.2.3"), TRUSTED)
    assert not lies_in(ipaddress.ip_address("11.0.0.1"), TRUSTED)
