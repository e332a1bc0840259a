"""Signature Version 4 computed a second time, from its description alone, to check what we send.

Source: AWS General Reference, "Create a signed AWS API request". For services other than S3, which encode the path twice.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from urllib.parse import parse_qsl, quote


def expected_authorization(method: str, target: str, headers: Mapping[str, str], body: bytes, secret_key: str) -> str:
    """The `authorization` header that a request with these headers (names in lower case) must carry."""
    given = headers["authorization"]
    fields = dict(part.strip().split("=", 1) for part in given.removeprefix("AWS4-HMAC-SHA256 ").split(","))
    access_key, date, region, service, last = fields["Credential"].split("/")
    path, _, query = target.partition("?")
    canonical = "\n".join(
        [
            method,
            quote(path, safe="/~-_."),
            "&".join(
                f"{quote(key, safe='~-_.')}={quote(value, safe='~-_.')}"
                for key, value in sorted(parse_qsl(query, keep_blank_values=True))
            ),
            *(f"{name}:{' '.join(headers[name].split())}" for name in fields["SignedHeaders"].split(";")),
            "",
            fields["SignedHeaders"],
            hashlib.sha256(body).hexdigest(),
        ]
    )
    scope = f"{date}/{region}/{service}/{last}"
    to_sign = "\n".join(
        ["AWS4-HMAC-SHA256", headers["x-amz-date"], scope, hashlib.sha256(canonical.encode()).hexdigest()]
    )
    key = f"AWS4{secret_key}".encode()
    for part in (date, region, service, last):
        key = hmac.digest(key, part.encode(), "sha256")
    signature = hmac.digest(key, to_sign.encode(), "sha256").hex()
    return (
        f"AWS4-HMAC-SHA256 Credential={access_key}/{scope}, SignedHeaders={fields['SignedHeaders']}, "
        f"Signature={signature}"
    )
