"""Azure's own credentials, by azure-identity: environment, workload identity, managed identity, a developer's login.

Rules of this file: imported only where a deployment needs it (extra `clouds`). The library reads the process's environment.
Source: azure-identity, `DefaultAzureCredential`.
"""

from __future__ import annotations

import azure.identity

from entrepot.upstream.grant import Grant, HeaderGrant


class AzureSource:
    """Tokens for one scope, such as `https://cognitiveservices.azure.com/.default`."""

    def __init__(self, scope: str) -> None:
        self._scope = scope
        self._credential = azure.identity.DefaultAzureCredential()

    def obtain(self) -> Grant:
        """See `Source`."""
        token = self._credential.get_token(self._scope)
        return HeaderGrant(((b"authorization", b"Bearer " + token.token.encode("ascii")),), float(token.expires_on))
