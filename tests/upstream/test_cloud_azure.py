from __future__ import annotations

from pathlib import Path

import pytest

from entrepot.dialects.base import WireRequest
from entrepot.upstream.cloud_azure import AzureSource
from tests.upstream.cloud_servers import SECRET, azure_identity, cloud_server, no_cloud

pytestmark = pytest.mark.sockets


def test_a_managed_identity_gets_its_token_from_the_identity_endpoint(tmp_path: Path) -> None:
    with no_cloud(tmp_path) as cloud, cloud_server(azure_identity) as server:
        cloud.setenv("IDENTITY_ENDPOINT", f"http://{server.address}/msi/token")
        cloud.setenv("IDENTITY_HEADER", "who-i-am")
        grant = AzureSource("https://cognitiveservices.azure.com/.default").obtain()
    request = WireRequest("https://acme.openai.azure.com/openai/v1/chat/completions", b"{}")
    assert grant.headers(request) == ((b"authorization", f"Bearer {SECRET}-1".encode()),)
    assert grant.expires_within(3700)
    assert not grant.expires_within(3500)
    (question,) = server.questions
    assert question.query["resource"] == ["https://cognitiveservices.azure.com"]
    assert question.headers["x-identity-header"] == "who-i-am"
