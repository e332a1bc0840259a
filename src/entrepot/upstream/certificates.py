"""Certificates as files: loaded into a context with errors that name the file, and the day on which they end.

Rules of this file: an encrypted key is an error, never a question on somebody's terminal. What is wrong is said with the
setting that names the file. The end of a certificate is read from its DER (RFC 5280 section 4.1), because the standard library
shows it of connections only.
"""

from __future__ import annotations

import datetime
import os
import ssl
from collections.abc import Iterable, Iterator
from pathlib import Path

from entrepot.errors import SettingsError

_PEM_BEGIN, _PEM_END = "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----"
_UTC_TIME, _GENERALIZED_TIME, _VERSION = 0x17, 0x18, 0xA0

Stamp = tuple[tuple[int, int, int], ...]


def load_pair(context: ssl.SSLContext, certificate: str, key: str, where: str) -> None:
    """Have `context` show a certificate. `where` is the setting that names both, as `[gateway.tls]`.

    Raises SettingsError: a file cannot be read, or is not what it should be, or the two do not belong together.
    """
    _demand(certificate, f"{where} certificate")
    _demand(key, f"{where} key")
    try:
        context.load_cert_chain(certificate, key, password=lambda: "")
    except (OSError, ValueError) as error:
        raise SettingsError(f"{where}: {_why_no_pair(error, certificate, key)}") from error


def load_authorities(context: ssl.SSLContext, ca: str, where: str) -> None:
    """Have `context` trust the authorities of a file. Raises SettingsError."""
    _demand(ca, where)
    try:
        context.load_verify_locations(cafile=ca)
    except OSError as error:
        raise SettingsError(
            f"{where}: {ca} holds no certificate of an authority; name a PEM file that begins with {_PEM_BEGIN}"
        ) from error


def read_ends(path: str) -> list[datetime.datetime]:
    """Until when each certificate of a PEM file is valid, in their order. Raises OSError, or ValueError for what is none."""
    text = Path(path).read_text(encoding="ascii", errors="replace")
    return [
        _end_of(ssl.PEM_cert_to_DER_cert(f"{_PEM_BEGIN}{part.partition(_PEM_END)[0]}{_PEM_END}"))
        for part in text.split(_PEM_BEGIN)[1:]
    ]


def stamp(paths: Iterable[str | None]) -> Stamp:
    """What changes when one of the files is replaced or rewritten; a file that is not there counts as empty."""
    return tuple(_stamp(path) for path in paths if path is not None)


def _stamp(path: str) -> tuple[int, int, int]:
    try:
        state = os.stat(path)  # noqa: PTH116 - half the time of a Path's, with each new connection
    except OSError:
        return (0, 0, 0)
    return (state.st_mtime_ns, state.st_ino, state.st_size)


def _demand(path: str, where: str) -> None:
    try:
        with Path(path).open("rb"):
            pass
    except OSError as error:
        raise SettingsError(
            f"{where}: {path} cannot be read: {error.strerror}; name a PEM file that this user may read"
        ) from error


def _why_no_pair(error: OSError | ValueError, certificate: str, key: str) -> str:
    reason = getattr(error, "reason", None) or ""
    if reason == "KEY_VALUES_MISMATCH":
        return f"the key in {key} does not belong to the certificate in {certificate}; they are made together"
    if "ENCRYPTED" in Path(key).read_text(encoding="ascii", errors="replace"):
        return f"the key in {key} is encrypted, and nobody is asked for a password: openssl pkey writes it without"
    words = f": {reason.replace('_', ' ').lower()}" if reason else ""
    return f"{certificate} and {key} are not a certificate and its private key in PEM form{words}"


def _end_of(der: bytes) -> datetime.datetime:
    """`notAfter` of a certificate."""
    (_, certificate), *_ = _parts(der)
    (_, to_be_signed), *_ = _parts(certificate)
    fields = list(_parts(to_be_signed))
    if fields[0][0] == _VERSION:
        del fields[0]
    # serialNumber, signature, issuer, validity
    kind, text = list(_parts(fields[3][1]))[1]
    if kind == _GENERALIZED_TIME:
        form = "%Y%m%d%H%M%SZ"
    elif kind == _UTC_TIME:
        form = "%y%m%d%H%M%SZ"  # years from 50 on are 19xx in RFC 5280, from 69 on in Python: nobody is served by 1950
    else:
        raise ValueError("a certificate says in no known form until when it is valid")
    return datetime.datetime.strptime(text.decode("ascii"), form).replace(tzinfo=datetime.UTC)


def _parts(der: bytes) -> Iterator[tuple[int, bytes]]:
    """The tags and contents that follow each other in DER. Raises ValueError where it is cut off."""
    at = 0
    while at < len(der):
        if at + 2 > len(der):
            raise ValueError("a certificate is cut off")
        tag, length = der[at], der[at + 1]
        at += 2
        if length & 0x80:
            count = length & 0x7F
            length, at = int.from_bytes(der[at : at + count]), at + count
        if at + length > len(der):
            raise ValueError("a certificate is cut off")
        yield tag, der[at : at + length]
        at += length
