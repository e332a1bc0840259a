from __future__ import annotations

from collections.abc import Callable

import pytest

from entrepot.control.outside import leads_outside


def gives(*addresses: str) -> Callable[[str], tuple[str, ...]]:
    return lambda host: addresses


@pytest.mark.parametrize("address", ["93.184.215.14", "2606:2800:21f:cb07:6820:80da:af6b:8b2c"])
def test_a_public_address_leads_outside(address: str) -> None:
    assert leads_outside("https://hooks.example/x?y", gives(address))


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "10.1.2.3",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "0.0.0.0",
        "224.0.0.1",
        "255.255.255.255",
        "::1",
        "::",
        "fe80::1%eth0",
        "fd00::1",
        "ff02::1",
        "::ffff:127.0.0.1",
        "2002:7f00:0001::",
        "64:ff9b::a00:1",
    ],
)
def test_any_other_does_not_and_one_of_several_is_enough(address: str) -> None:
    assert not leads_outside("https://hooks.example/", gives(address))
    assert not leads_outside("https://hooks.example/", gives("93.184.215.14", address))


@pytest.mark.parametrize(
    "url", ["", "hooks.example", "ftp://hooks.example", "file:///etc/passwd", "http://", "http://[", "http://a:99999/"]
)
def test_what_is_no_address_of_http_does_not(url: str) -> None:
    assert not leads_outside(url, gives("93.184.215.14"))


def test_a_name_without_an_address_does_not() -> None:
    def unknown(_host: str) -> list[str]:
        raise OSError("no such name")

    assert not leads_outside("https://nowhere.invalid/", unknown)
    assert not leads_outside("https://nowhere.invalid/", gives())
    assert not leads_outside("https://nowhere.invalid/", gives("nonsense"))


@pytest.mark.sockets  # the resolver is asked what it makes of them
@pytest.mark.parametrize("host", ["127.0.0.1", "127.1", "2130706433", "0x7f000001", "[::1]", "localhost"])
def test_every_way_to_write_this_machine_is_known(host: str) -> None:
    assert not leads_outside(f"http://{host}:8081/admin/v1/keys")
