"""TLS where we listen: certificates from files, renewed while we run, and who shows one of their own.

Rules of this file: a renewed file counts for connections opened after it was seen, certificate, key and authorities alike. New
files are tried before they are put to use; while they cannot be used, the old ones stay and the log says why. Where clients
show certificates no session is resumed: it would let in who is no longer trusted.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Mapping
from typing import Any

from entrepot.errors import SettingsError
from entrepot.settings.schema import ListenTls
from entrepot.upstream.certificates import load_authorities, load_pair, stamp

LOOK_S = 2.0
_VERSIONS = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}
_NAMED = frozenset({"DNS", "URI", "email"})
_log = logging.getLogger("entrepot.tls")


def build_listening_tls(settings: ListenTls, where: str) -> ssl.SSLContext:
    """The context of connections that clients open. `where` is the settings' table. Raises SettingsError."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = _VERSIONS[settings.minimum_version]
    context.set_alpn_protocols(["http/1.1"])
    load_pair(context, settings.certificate, settings.key, where)
    if settings.client_ca is not None:
        load_authorities(context, settings.client_ca, f"{where} client_ca")
        required = settings.client_certificates == "required"
        context.verify_mode = ssl.CERT_REQUIRED if required else ssl.CERT_OPTIONAL
        context.num_tickets = 0
        context.options |= ssl.OP_NO_TICKET
    return context


class ListeningTls:
    """The context to listen with, which follows its files. Raises SettingsError where they cannot be used."""

    def __init__(self, settings: ListenTls, where: str) -> None:
        self._settings = settings
        self._where = where
        self._stamp = self._look()
        self.context = build_listening_tls(settings, where)
        self._current = self.context
        # Called for each connection before anything is chosen: another context may take the place of the one it began with.
        self.context.sni_callback = self._choose

    def renew(self) -> bool:
        """Take up files that have changed; returns whether there were any that can be used."""
        now = self._look()
        if now == self._stamp:
            return False
        self._stamp = now
        try:
            self._current = build_listening_tls(self._settings, self._where)
        except SettingsError as error:
            _log.error("the renewed certificate is not used, the one before stays: %s", error.message)
            return False
        _log.info("the certificate in %s is used from now on", self._settings.certificate)
        return True

    async def follow(self, interval_s: float = LOOK_S) -> None:
        """Take up what changes, again and again."""
        while True:
            await asyncio.sleep(interval_s)
            self.renew()

    def _look(self) -> tuple[tuple[int, int, int], ...]:
        return stamp((self._settings.certificate, self._settings.key, self._settings.client_ca))

    def _choose(self, connection: ssl.SSLObject, name: str | None, context: ssl.SSLContext) -> None:  # noqa: ARG002 - ssl calls it so
        connection.context = self._current


def listening_tls(settings: ListenTls | None, where: str) -> ListeningTls | None:
    """The same where there is TLS at all. Raises SettingsError."""
    return None if settings is None else ListeningTls(settings, where)


def names_in(certificate: Mapping[str, Any] | None) -> tuple[str, ...]:
    """The names in a client's certificate, as ssl shows it: common names, then DNS names, URIs and email addresses."""
    if not certificate:
        return ()
    common = [value for part in certificate.get("subject", ()) for kind, value in part if kind == "commonName"]
    return (*common, *(value for kind, value in certificate.get("subjectAltName", ()) if kind in _NAMED))
