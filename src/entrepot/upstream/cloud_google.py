"""Google's application default credentials, by google-auth: a key file, gcloud's login, workload identity, a metadata server.

Rules of this file: imported only where a deployment needs it (extra `clouds`). The library reads the process's environment.
Source: google-auth, user guide; `google.auth.default`.
"""

from __future__ import annotations

import datetime

import google.auth
import google.auth.transport.requests

from entrepot.upstream.grant import Grant, HeaderGrant


class GoogleSource:
    """Tokens for one scope, such as `https://www.googleapis.com/auth/cloud-platform`."""

    def __init__(self, scope: str) -> None:
        self._scope = scope
        self._transport = google.auth.transport.requests.Request()
        self._credentials: google.auth.credentials.Credentials | None = None

    def obtain(self) -> Grant:
        """See `Source`."""
        if self._credentials is None:
            self._credentials, _ = google.auth.default(scopes=[self._scope], request=self._transport)
        credentials = self._credentials
        credentials.refresh(self._transport)  # type: ignore[no-untyped-call]  # google-auth is typed in part
        # the token, and the project that is billed where the login names one
        headers: dict[str, str] = {}
        credentials.apply(headers)  # type: ignore[no-untyped-call]  # as above
        pairs = tuple((name.lower().encode("ascii"), value.encode("ascii")) for name, value in headers.items())
        expiry = credentials.expiry  # UTC without saying so
        return HeaderGrant(pairs, None if expiry is None else expiry.replace(tzinfo=datetime.UTC).timestamp())
