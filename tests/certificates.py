"""Certificates for tests, as files in a folder: an authority, and what it makes."""

from __future__ import annotations

import datetime
from pathlib import Path

import trustme
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)

from entrepot.settings.schema import ListenTls


class Authority:
    """An authority; its own certificate is in `ca`."""

    def __init__(self, folder: Path, name: str = "ca") -> None:
        self.folder = folder
        self.ca = folder / f"{name}.pem"
        self.made = trustme.CA()
        self.made.cert_pem.write_to_path(self.ca)

    def issue(
        self, name: str, *names: str, common_name: str | None = None, ends: datetime.datetime | None = None
    ) -> tuple[str, str]:
        """A certificate for `names` and its key, in the files `name`.pem and `name`.key."""
        leaf = self.made.issue_cert(*names, common_name=common_name, not_after=ends)
        certificate, key = self.folder / f"{name}.pem", self.folder / f"{name}.key"
        key.write_bytes(leaf.private_key_pem.bytes())
        certificate.write_bytes(b"".join(blob.bytes() for blob in leaf.cert_chain_pems))
        return str(certificate), str(key)

    def listen(self, name: str = "server", **more: str) -> ListenTls:
        """TLS of a server on loopback."""
        certificate, key = self.issue(name, "localhost", "127.0.0.1", "::1")
        return ListenTls(certificate, key, **more)  # type: ignore[arg-type]  # words of settings


def encrypt(key: str) -> None:
    """Have the key in a file need a password."""
    read = load_pem_private_key(Path(key).read_bytes(), None)
    text = read.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret"))
    Path(key).write_bytes(text)
