from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from entrepot.dialects.base import WireRequest
from entrepot.upstream.cloud_google import GoogleSource
from tests.upstream.cloud_servers import SECRET, CloudServer, Question, cloud_server, google_metadata, no_cloud

pytestmark = pytest.mark.sockets

SCOPE = "https://www.googleapis.com/auth/cloud-platform"
REQUEST = WireRequest("https://aiplatform.googleapis.com/v1/x", b"{}")


@pytest.fixture
def cloud(tmp_path: Path) -> Iterator[pytest.MonkeyPatch]:
    with no_cloud(tmp_path) as patch:
        yield patch


def test_a_machine_in_google_cloud_gets_its_tokens_from_the_metadata_server(cloud: pytest.MonkeyPatch) -> None:
    # in a process of its own: google-auth reads where the metadata server is when it is imported
    code = f"""
import json
from entrepot.dialects.base import WireRequest
from entrepot.upstream.cloud_google import GoogleSource
source = GoogleSource({SCOPE!r})
request = WireRequest("https://aiplatform.googleapis.com/v1/x", b"")
grants = [source.obtain(), source.obtain()]
print(json.dumps([[dict((n.decode(), v.decode()) for n, v in g.headers(request)),
                   g.expires_within(3500), g.expires_within(3700)] for g in grants]))
"""
    with cloud_server(google_metadata) as server:
        cloud.setenv("GCE_METADATA_HOST", server.address)
        cloud.setenv("GCE_METADATA_IP", server.address)
        ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    assert json.loads(ran.stdout) == [
        [{"authorization": f"Bearer {SECRET}-{number}"}, False, True] for number in (1, 2)
    ]


def test_a_service_accounts_key_file_is_exchanged_for_a_token_and_the_project_that_pays_is_named(
    cloud: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def token_endpoint(server: CloudServer, _question: Question) -> tuple[int, str, str]:
        return 200, "application/json", json.dumps({"access_token": server.next_token(), "expires_in": 3600})

    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    with cloud_server(token_endpoint) as server:
        account = {
            "type": "service_account",
            "project_id": "acme",
            "private_key_id": "1",
            "private_key": pem.decode(),
            "client_email": "gateway@acme.iam.gserviceaccount.com",
            "token_uri": f"http://{server.address}/token",
        }
        file = tmp_path / "key.json"
        file.write_text(json.dumps(account))
        cloud.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(file))
        cloud.setenv("GOOGLE_CLOUD_QUOTA_PROJECT", "acme-pays")
        grant = GoogleSource(SCOPE).obtain()
    headers = {b"authorization": f"Bearer {SECRET}-1".encode(), b"x-goog-user-project": b"acme-pays"}
    assert dict(grant.headers(REQUEST)) == headers
    assert "assertion=" in server.questions[0].body
