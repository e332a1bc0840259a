from __future__ import annotations

import datetime
import ssl
from pathlib import Path

import pytest

from entrepot.errors import SettingsError
from entrepot.upstream.certificates import load_authorities, load_pair, read_ends, stamp
from tests.certificates import Authority, encrypt


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


def refusal(certificate: str, key: str) -> str:
    with pytest.raises(SettingsError) as refused:
        load_pair(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), certificate, key, "[gateway.tls]")
    return refused.value.message


def test_a_file_that_is_not_there_is_named_with_its_setting(authority: Authority, tmp_path: Path) -> None:
    certificate, key = authority.issue("a", "a.test")
    absent = str(tmp_path / "absent.pem")
    assert refusal(absent, key).startswith(f"[gateway.tls] certificate: {absent} cannot be read: No such file")
    assert refusal(certificate, absent).startswith(f"[gateway.tls] key: {absent} cannot be read: No such file")


def test_a_key_of_another_certificate_is_told(authority: Authority) -> None:
    certificate, _ = authority.issue("a", "a.test")
    _, other = authority.issue("b", "b.test")
    assert f"the key in {other} does not belong to the certificate in {certificate}" in refusal(certificate, other)


def test_nobody_is_asked_for_the_password_of_a_key(authority: Authority) -> None:
    certificate, key = authority.issue("a", "a.test")
    encrypt(key)
    assert f"the key in {key} is encrypted" in refusal(certificate, key)


def test_what_is_no_certificate_is_told(authority: Authority, tmp_path: Path) -> None:
    _, key = authority.issue("a", "a.test")
    (tmp_path / "text.pem").write_text("no certificate")
    assert "are not a certificate and its private key in PEM form" in refusal(str(tmp_path / "text.pem"), key)
    with pytest.raises(SettingsError, match=r"client_ca: .*text\.pem holds no certificate of an authority"):
        load_authorities(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), str(tmp_path / "text.pem"), "client_ca")


@pytest.mark.parametrize("year", [2031, 2049, 2050, 2077])
def test_the_end_of_each_certificate_is_read(authority: Authority, tmp_path: Path, year: int) -> None:
    # from 2050 on the date is written in another form (RFC 5280, 4.1.2.5)
    end = datetime.datetime(year, 3, 1, 12, 30, tzinfo=datetime.UTC)
    certificate, _ = authority.issue("a", "a.test", ends=end)
    assert read_ends(certificate) == [end]
    both = tmp_path / "both.pem"
    both.write_text(Path(certificate).read_text() + authority.ca.read_text())
    assert len(read_ends(str(both))) == 2
    assert read_ends(str(both))[0] == end


@pytest.mark.parametrize("cut", [5, 60, 200])
def test_a_certificate_that_is_cut_off_has_no_end(authority: Authority, tmp_path: Path, cut: int) -> None:
    der = ssl.PEM_cert_to_DER_cert(authority.ca.read_text())
    (tmp_path / "cut.pem").write_text(ssl.DER_cert_to_PEM_cert(der[:cut]))
    with pytest.raises(ValueError, match="cut off"):
        read_ends(str(tmp_path / "cut.pem"))


def test_a_stamp_changes_with_the_file_and_when_it_goes(authority: Authority) -> None:
    certificate, _ = authority.issue("a", "a.test")
    first = stamp((certificate, None))
    assert stamp((certificate,)) == first
    authority.issue("a", "a.test", "b.test")
    second = stamp((certificate,))
    Path(certificate).unlink()
    assert len({first, second, stamp((certificate,))}) == 3
