from __future__ import annotations

import base64

import pytest

from entrepot.errors import SettingsError
from entrepot.upstream.proxy import Proxies, Proxy, parse_proxy
from entrepot.upstream.request import parse_address

PROXY = "http://proxy.test:3128"


def choose(url: str, **environ: str) -> Proxy | None:
    return Proxies(environ).choose(parse_address(url).origin)


def test_each_scheme_has_its_own_proxy() -> None:
    environ = {"HTTPS_PROXY": "http://secure.test:1", "HTTP_PROXY": "http://plain.test:2"}

    assert choose("https://api.test/", **environ) == Proxy("secure.test", 1)
    assert choose("http://api.test/", **environ) == Proxy("plain.test", 2)
    assert choose("http://api.test/", HTTPS_PROXY=PROXY) is None
    assert choose("https://api.test/") is None


def test_the_lower_case_name_wins_and_an_empty_value_is_none() -> None:
    assert choose("https://api.test/", https_proxy="http://lower.test:1", HTTPS_PROXY=PROXY) == Proxy("lower.test", 1)
    assert choose("https://api.test/", https_proxy="", HTTPS_PROXY=PROXY) == Proxy("proxy.test", 3128)
    assert choose("https://api.test/", HTTPS_PROXY=" ") is None


@pytest.mark.parametrize(
    ("no_proxy", "url", "direct"),
    [
        ("api.test", "https://api.test/", True),
        ("API.test", "https://api.TEST/", True),
        ("api.test", "https://api.test./", True),
        ("api.test", "https://eu.api.test/", True),
        (".api.test", "https://eu.api.test/", True),
        (".api.test", "https://api.test/", True),
        ("*.api.test", "https://eu.api.test/", True),
        ("api.test", "https://myapi.test/", False),
        ("api.test", "https://api.test.evil.test/", False),
        ("other.test, api.test", "https://api.test/", True),
        ("other.test api.test", "https://api.test/", True),
        ("other.test", "https://api.test/", False),
        ("*", "https://api.test/", True),
        ("api.test:443", "https://api.test/", True),
        ("api.test:8443", "https://api.test/", False),
        ("api.test:8443", "https://api.test:8443/", True),
        ("10.0.0.0/8", "https://10.1.2.3/", True),
        ("10.0.0.0/8", "https://11.1.2.3/", False),
        ("10.1.2.3", "https://10.1.2.3/", True),
        ("10.1.2.3:8443", "https://10.1.2.3:8443/", True),
        ("10.1.2.3:8443", "https://10.1.2.3/", False),
        ("2", "https://10.1.2.2/", False),
        ("2001:db8::/32", "https://[2001:db8::7]/", True),
        ("[2001:db8::7]", "https://[2001:db8::7]/", True),
        ("2001:db8::7", "https://[2001:db8::8]/", False),
        ("10.0.0.0/8", "https://[2001:db8::7]/", False),
        ("", "https://api.test/", False),
        (",", "https://api.test/", False),
        (".", "https://api.test/", False),
        ("", "https://127.0.0.1/", True),
        ("", "https://127.8.8.8/", True),
        ("", "https://[::1]/", True),
        ("", "https://localhost/", True),
        ("", "https://ollama.localhost/", True),
        ("", "https://localhost.test/", False),
    ],
)
def test_no_proxy_lists_what_is_called_directly(no_proxy: str, url: str, direct: bool) -> None:
    chosen = choose(url, HTTPS_PROXY=PROXY, NO_PROXY=no_proxy)

    assert chosen == (None if direct else Proxy("proxy.test", 3128))


@pytest.mark.parametrize(
    ("value", "host", "port"),
    [
        ("http://proxy.test:3128", "proxy.test", 3128),
        ("proxy.test:3128", "proxy.test", 3128),
        ("http://proxy.test", "proxy.test", 80),
        ("http://[::1]:3128/", "::1", 3128),
    ],
)
def test_proxy_addresses_are_parsed(value: str, host: str, port: int) -> None:
    assert parse_proxy(value, "HTTPS_PROXY") == Proxy(host, port)


def test_user_and_password_become_basic_authorization_and_are_not_shown() -> None:
    proxy = parse_proxy("http://me:p%40ss%E5%8F%A3@proxy.test:3128", "HTTPS_PROXY")

    assert proxy.authorization == b"Basic " + base64.b64encode("me:p@ss口".encode())
    assert repr(proxy) == "Proxy(proxy.test:3128)"


@pytest.mark.parametrize(
    "value",
    [
        "https://proxy.test",
        "socks5h://proxy.test:1080",
        "http://",
        "http://me:hunter2@",
        "http://me:hunter2",
        "http://口/",
    ],
)
def test_a_proxy_that_cannot_be_used_is_an_error_and_never_passed_over(value: str) -> None:
    with pytest.raises(SettingsError, match="HTTPS_PROXY must be http://") as caught:
        Proxies({"HTTPS_PROXY": value})

    assert "hunter2" not in str(caught.value)
