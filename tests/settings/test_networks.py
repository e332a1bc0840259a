from __future__ import annotations

from pathlib import Path

import pytest

from entrepot.catalog.schema import Way
from entrepot.settings.networks import check_network
from entrepot.settings.schema import ListenTls
from tests.settings.toml import ONE_DEPLOYMENT, load, refuse


@pytest.mark.parametrize("text", ["10.0.0.0/8", "192.0.2.1", "2001:db8::/32", "::1", "0.0.0.0/0"])
def test_a_network_or_an_address_is_one(text: str) -> None:
    assert check_network(text) is None


@pytest.mark.parametrize("text", ["", "localhost", "10.0.0.0/33", "10.0.0", "10.0.0.0/8 ", "十"])
def test_what_is_none_is_told(text: str) -> None:
    assert "expected a network" in (check_network(text) or "")


def test_a_prefix_that_cuts_an_address_is_told_with_the_right_one() -> None:
    assert "the network is 10.1.0.0/16" in (check_network("10.1.2.3/16") or "")


def test_listening_is_resolved_with_paths_beside_the_file(tmp_path: Path) -> None:
    document = """
[gateway]
host = "[::1]"
socket = "run/gateway.sock"
[gateway.tls]
certificate = "tls/server.pem"
key = "/etc/tls/server.key"
minimum_version = "1.3"
client_ca = "tls/clients.pem"
client_certificates = "optional"
"""
    gateway = load(tmp_path, ONE_DEPLOYMENT + document).gateway
    folder = str(tmp_path)
    assert (gateway.host, gateway.socket) == ("::1", f"{folder}/run/gateway.sock")
    assert gateway.tls == ListenTls(
        f"{folder}/tls/server.pem", "/etc/tls/server.key", "1.3", f"{folder}/tls/clients.pem", "optional"
    )


def test_the_admin_api_has_tls_of_its_own(tmp_path: Path) -> None:
    document = "[control.tls]\ncertificate = 'a.pem'\nkey = 'a.key'\n"
    control = load(tmp_path, ONE_DEPLOYMENT + document).control
    assert control is not None
    assert control.tls == ListenTls(f"{tmp_path}/a.pem", f"{tmp_path}/a.key")


def test_a_deployment_is_reached_in_a_way_of_its_own(tmp_path: Path) -> None:
    document = ONE_DEPLOYMENT + "socket = 'vllm.sock'\ntls = { ca = 'ca.pem', certificate = 'c.pem', key = 'c.key' }\n"
    (deployment,) = load(tmp_path, document).deployments
    assert deployment.way == Way(*(f"{tmp_path}/{name}" for name in ("ca.pem", "c.pem", "c.key", "vllm.sock")))
    (usual,) = load(tmp_path, ONE_DEPLOYMENT).deployments
    assert usual.way is None


def test_half_of_a_pair_and_what_is_too_long_are_told(tmp_path: Path) -> None:
    half = refuse(tmp_path, ONE_DEPLOYMENT + "tls = { certificate = 'c.pem' }\n")
    assert "deployments[0].tls.certificate: needs 'key' beside it" in half
    long = "x" * 120
    assert "bytes at most" in refuse(tmp_path, ONE_DEPLOYMENT + f"socket = '{long}'\n")
    assert "gateway.socket: the path of a Unix socket has 107 bytes at most" in refuse(
        tmp_path, ONE_DEPLOYMENT + f"[gateway]\nsocket = '{long}'\n"
    )
    optional = "[gateway.tls]\ncertificate = 'a'\nkey = 'b'\nclient_certificates = 'optional'\n"
    assert "client_certificates: needs 'client_ca' beside it" in refuse(tmp_path, ONE_DEPLOYMENT + optional)


def test_a_certificate_is_enough_for_a_key_and_stands_for_one(tmp_path: Path) -> None:
    one = "[[keys]]\nname = 'a'\ncertificate = 'a.test'\n"
    (key,) = load(tmp_path, ONE_DEPLOYMENT + one).keys
    assert (key.sha256, key.certificate) == ("", "a.test")
    two = "[[keys]]\nname = 'b'\ncertificate = 'b.test'\n"
    assert len(load(tmp_path, ONE_DEPLOYMENT + one + two).keys) == 2
    twin = "[[keys]]\nname = 'b'\ncertificate = 'a.test'\n"
    assert "keys[1].certificate: the same certificate as 'a'" in refuse(tmp_path, ONE_DEPLOYMENT + one + twin)
