from __future__ import annotations

import ssl
from pathlib import Path

import pytest
import trustme

from entrepot.errors import SettingsError
from entrepot.upstream.tls import build_tls, describe_tls_failure


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
