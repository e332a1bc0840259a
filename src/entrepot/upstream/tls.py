"""TLS to providers: verification is always on.

The system's trust store is used unless `SSL_CERT_FILE` names a file, which then replaces it (as OpenSSL has it): the way
to trust a company's own authority. A deployment may name authorities of its own, which are then the only ones for it, and a
certificate of ours. There is no switch to turn verification off.
"""

from __future__ import annotations

import ssl
from collections.abc import Mapping

from entrepot.catalog.schema import Way
from entrepot.errors import SettingsError
from entrepot.upstream.certificates import Stamp, load_authorities, load_pair, stamp


def build_tls(environ: Mapping[str, str]) -> ssl.SSLContext:
    """The context of every TLS connection to a provider: TLS 1.2 or later, host names checked, HTTP/1.1 by ALPN.

    Raises `SettingsError`: the file that `SSL_CERT_FILE` names cannot be read as certificates.
    """
    file = environ.get("SSL_CERT_FILE") or None
    try:
        context = ssl.create_default_context(cafile=file)
    except OSError as error:
        reason = error.strerror or "it holds no PEM certificate"
        raise SettingsError(
            f"SSL_CERT_FILE names {file}, which cannot be used: {reason}; name a PEM file of the authorities to trust"
        ) from error
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    return context


class Contexts:
    """The contexts of all ways to providers: the usual one, and those of deployments with certificates of their own.

    The latter are made with their first connection, and made anew once a file has changed.
    """

    def __init__(self, usual: ssl.SSLContext) -> None:
        self._usual = usual
        self._made: dict[Way, tuple[Stamp, ssl.SSLContext]] = {}

    def find(self, way: Way | None) -> ssl.SSLContext:
        """The context of a way. Raises SettingsError: a file of it cannot be used."""
        if way is None or (way.ca is None and way.certificate is None):
            return self._usual
        now = stamp((way.ca, way.certificate, way.key))
        known = self._made.get(way)
        if known is None or known[0] != now:
            self._made[way] = known = (now, build_way_tls(way))
        return known[1]


def build_way_tls(way: Way) -> ssl.SSLContext:
    """The context of connections to a deployment with certificates of its own. Raises SettingsError."""
    context = ssl.create_default_context() if way.ca is None else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if way.ca is not None:
        load_authorities(context, way.ca, "tls ca of a deployment")
    if way.certificate is not None and way.key is not None:
        load_pair(context, way.certificate, way.key, "tls of a deployment")
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    return context


def describe_tls_failure(error: ssl.SSLError, host: str) -> str:
    """What went wrong between us and `host`, and what to do where it is known."""
    if isinstance(error, ssl.SSLCertVerificationError):
        text = f"the TLS certificate of {host} was refused: {error.verify_message}"
        if "issuer" in text or "self-signed" in text or "self signed" in text:
            text += "; if its authority is your own, name that authority's file as the deployment's tls.ca, or in SSL_CERT_FILE"
        return text
    reason = getattr(error, "reason", None) or "the peer closed during the handshake"
    return f"no TLS connection to {host}: {reason}"
