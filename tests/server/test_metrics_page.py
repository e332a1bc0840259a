from __future__ import annotations

import pytest

from entrepot.errors import Forbidden, Unauthenticated
from entrepot.server.metrics_page import MetricsPage
from entrepot.settings.schema import MetricsSettings


def page(*trusted: str, **settings: object) -> MetricsPage:
    return MetricsPage(MetricsSettings(**settings), trusted, lambda: b"page", lambda _: "a token")  # type: ignore[arg-type]  # one dict of several kinds


@pytest.mark.parametrize("peer", ["127.0.0.1", "::1", "::ffff:127.0.0.1", None])
async def test_it_is_read_from_this_machine(peer: str | None) -> None:
    assert await page().read({}, peer) == b"page"


@pytest.mark.parametrize("peer", ["10.0.0.1", "2001:db8::1", "nonsense"])
def test_it_is_not_read_from_others(peer: str) -> None:
    with pytest.raises(Forbidden, match=r"\[metrics\] allow"):
        page().admit({}, peer)


def test_networks_may_be_named() -> None:
    page(allow=("10.0.0.0/8",)).admit({}, "10.2.3.4")
    with pytest.raises(Forbidden):
        page(allow=("10.0.0.0/8",)).admit({}, "127.0.0.1")


@pytest.mark.parametrize("header", [b"x-forwarded-for", b"forwarded", b"x-real-ip"])
@pytest.mark.parametrize("peer", ["127.0.0.1", None])
def test_a_proxy_on_this_machine_does_not_make_its_clients_neighbours(header: bytes, peer: str | None) -> None:
    with pytest.raises(Forbidden):
        page().admit({header: b"127.0.0.1"}, peer)


def test_who_comes_through_a_trusted_proxy_is_where_it_says() -> None:
    found = page("127.0.0.1/32", allow=("10.0.0.0/8",))
    found.admit({b"x-forwarded-for": b"10.1.1.1"}, "127.0.0.1")
    for forwarded in (b"192.0.2.1", b"10.1.1.1, 192.0.2.1", b"nonsense"):
        with pytest.raises(Forbidden):
            found.admit({b"x-forwarded-for": forwarded}, "127.0.0.1")


@pytest.mark.parametrize("shown", [b"", b"Bearer wrong", b"Basic a token", b"a token"])
def test_a_token_is_needed_where_one_is_named(shown: bytes) -> None:
    found = page(token="env:TOKEN")
    found.admit({b"authorization": b"Bearer a token"}, "127.0.0.1")
    with pytest.raises(Unauthenticated, match="token"):
        found.admit({b"authorization": shown}, "127.0.0.1")
