"""AWS's default chain, by botocore: environment, profile, SSO, web identity, container, instance; and requests signed with it.

Rules of this file: imported only where a deployment needs it (extra `clouds`). The library reads the process's environment.
Source: AWS General Reference, Signature Version 4; botocore `credentials.py`, `auth.py`.
"""

from __future__ import annotations

from typing import Any

import botocore.auth
import botocore.awsrequest
import botocore.session

from entrepot.dialects.base import HeaderPairs, WireRequest
from entrepot.errors import SettingsError
from entrepot.upstream.grant import Grant


class AwsSource:
    """Credentials to sign with, for a scope as in a signature: region and service, `us-east-1/bedrock`."""

    def __init__(self, scope: str) -> None:
        self._region, _, self._service = scope.partition("/")
        self._session = botocore.session.Session()
        self._session.set_config_variable("region", self._region)

    def obtain(self) -> Grant:
        """See `Source`."""
        credentials = self._session.get_credentials()
        if credentials is None:
            raise SettingsError(
                "none found; set AWS_PROFILE, or run where a role is given (container, instance, web identity), "
                "or give a Bedrock API key as the deployment's key"
            )
        return SigningGrant(credentials, self._region, self._service)


class SigningGrant:
    """Signs requests with one set of AWS credentials."""

    def __init__(self, credentials: Any, region: str, service: str) -> None:  # noqa: ANN401 - botocore has no types
        self._credentials = credentials
        self._signer = botocore.auth.SigV4Auth(credentials.get_frozen_credentials(), service, region)

    def expires_within(self, seconds: float) -> bool:
        """See `Grant`. Keys out of a file or the environment never do."""
        refresh_needed = getattr(self._credentials, "refresh_needed", None)
        return refresh_needed is not None and bool(refresh_needed(seconds))

    def headers(self, request: WireRequest) -> HeaderPairs:
        """See `Grant`."""
        given = {name.decode("latin-1"): value.decode("latin-1") for name, value in request.headers}
        signed = botocore.awsrequest.AWSRequest(
            method=request.method, url=request.url, data=request.body, headers=dict(given)
        )
        self._signer.add_auth(signed)
        return tuple(
            (name.lower().encode("ascii"), value.encode("ascii"))
            for name, value in signed.headers.items()
            if name.lower() not in given
        )
