from __future__ import annotations

import ssl
from pathlib import Path

import pytest
import trustme

from entrepot.catalog.schema import Way
from entrepot.errors import SettingsError
from entrepot.upstream.tls import Contexts, build_tls, build_way_tls, describe_tls_failure
from tests.certificates import Authority


def test_verification_is_on_and_old_versions_are_off() -> None:
    context = build_tls({})

    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname
    assert context.minimum_version >= ssl.TLSVersion.TLSv1_2


def test_a_file_of_authorities_replaces_the_systems(tmp_path: Path) -> None:
    authority = trustme.CA()
    file = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(file)

    assert build_tls({"SSL_CERT_FILE": str(file)}).cert_store_stats()["x509_ca"] == 1


@pytest.mark.parametrize("content", [None, "no certificate"])
def test_a_file_that_cannot_be_used_is_named(content: str | None, tmp_path: Path) -> None:
    file = tmp_path / "ca.pem"
    if content is not None:
        file.write_text(content)

    with pytest.raises(SettingsError, match=f"SSL_CERT_FILE names {file}, which cannot be used: ") as caught:
        build_tls({"SSL_CERT_FILE": str(file)})

    assert "None" not in caught.value.message


def test_a_failure_names_the_host_and_the_reason() -> None:
    assert describe_tls_failure(ssl.SSLError(1, "x"), "api.test") == (
        "no TLS connection to api.test: the peer closed during the handshake"
    )


def test_a_way_with_an_authority_trusts_that_one_alone(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    assert build_way_tls(Way(ca=str(authority.ca))).cert_store_stats()["x509_ca"] == 1


def test_a_context_is_made_once_and_anew_when_its_files_change(tmp_path: Path) -> None:
    authority, usual = Authority(tmp_path), build_tls({})
    certificate, key = authority.issue("client", "client.test")
    contexts, way = Contexts(usual), Way(certificate=certificate, key=key)
    first = contexts.find(way)
    assert contexts.find(way) is first
    authority.issue("client", "client.test", "renewed.test")
    assert contexts.find(way) is not first
    assert contexts.find(None) is contexts.find(Way(socket="/run/x.sock")) is usual


def test_a_way_whose_files_cannot_be_used_is_told(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"tls ca of a deployment: .*absent\.pem cannot be read"):
        build_way_tls(Way(ca=str(tmp_path / "absent.pem")))
