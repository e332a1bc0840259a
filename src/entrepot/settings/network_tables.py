"""The shape of what entrepot.toml says of the network: certificates in and out."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from entrepot.settings.words import Name


class ListenTlsTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """TLS where we listen. Renewed files are taken up within seconds, without a restart."""

    certificate: Annotated[
        Name, Meta(description="A PEM file: the certificate, then those that lead to its authority.")
    ]
    key: Annotated[Name, Meta(description="A PEM file: its private key, not encrypted.")]
    minimum_version: Annotated[Literal["1.2", "1.3"], Meta(description="The oldest TLS that is spoken.")] = "1.2"
    client_ca: Annotated[
        Name | None, Meta(description="A PEM file of the authorities whose client certificates are accepted.")
    ] = None
    client_certificates: Annotated[
        Literal["required", "optional"],
        Meta(description="Whether a client without one is let in, where client_ca is set."),
    ] = "required"


class DialTlsTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """TLS to one deployment. Renewed files are taken up with the next connection."""

    ca: Annotated[Name | None, Meta(description="A PEM file of the only authorities that are trusted there.")] = None
    certificate: Annotated[Name | None, Meta(description="A PEM file: the client certificate to show.")] = None
    key: Annotated[Name | None, Meta(description="A PEM file: its private key, not encrypted.")] = None
