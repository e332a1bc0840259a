"""TLS to providers: verification is always on.

The system's trust store is used unless `SSL_CERT_FILE` names a file, which then replaces it (as OpenSSL has it): the way
to trust a company's own authority. There is no switch to turn verification off.
"""

from __future__ import annotations

import ssl
from collections.abc import Mapping

from entrepot.errors import SettingsError


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


def describe_tls_failure(error: ssl.SSLError, host: str) -> str:
    """What went wrong between us and `host`, and what to do where it is known."""
    if isinstance(error, ssl.SSLCertVerificationError):
        text = f"the TLS certificate of {host} was refused: {error.verify_message}"
        if "issuer" in text or "self-signed" in text or "self signed" in text:
            text += "; if its authority is your own, name that authority's file in SSL_CERT_FILE"
        return text
    reason = getattr(error, "reason", None) or "the peer closed during the handshake"
    return f"no TLS connection to {host}: {reason}"
