from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from entrepot.dialects.address import join_address
from entrepot.dialects.base import WireRequest
from entrepot.errors import SettingsError
from entrepot.upstream.cloud_aws import AwsSource
from entrepot.upstream.grant import Grant
from entrepot.upstream.request import parse_address
from tests.upstream.cloud_servers import SECRET, aws_container, aws_sts, cloud_server, no_cloud
from tests.upstream.sigv4 import expected_authorization

SCOPE = "eu-central-1/bedrock"
ADDRESS = "https://bedrock-runtime.eu-central-1.amazonaws.com"
ARN = "arn:aws:bedrock:eu-central-1:1:application-inference-profile/abc"


@pytest.fixture
def cloud(tmp_path: Path) -> Iterator[pytest.MonkeyPatch]:
    with no_cloud(tmp_path) as patch:
        yield patch


def headers_of(grant: Grant, request: WireRequest) -> dict[str, str]:
    """Everything that is signed over, and the signature."""
    pairs = (*request.headers, *grant.headers(request))
    address = parse_address(request.url)
    return {"host": address.origin.authority, **{name.decode(): value.decode() for name, value in pairs}}


def test_the_independent_signature_is_that_of_awss_published_example() -> None:
    # AWS General Reference, Signature Version 4 examples: IAM ListUsers, 30 August 2015.
    headers = {
        "content-type": "application/x-www-form-urlencoded; charset=utf-8",
        "host": "iam.amazonaws.com",
        "x-amz-date": "20150830T123600Z",
        "authorization": (
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/iam/aws4_request, "
            "SignedHeaders=content-type;host;x-amz-date, "
            "Signature=5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7"
        ),
    }
    target = "/?Action=ListUsers&Version=2010-05-08"
    secret_key = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
    assert expected_authorization("GET", target, headers, b"", secret_key) == headers["authorization"]


@pytest.mark.parametrize("model", ["amazon.nova-pro-v1:0", ARN, "模型/一"])
@pytest.mark.parametrize("base", [ADDRESS, "http://127.0.0.1:4566", f"{ADDRESS}?b=2&a=1"])
def test_a_request_is_signed_as_it_is_sent(cloud: pytest.MonkeyPatch, model: str, base: str) -> None:
    cloud.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    cloud.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    grant = AwsSource(SCOPE).obtain()
    body = '{"messages": [{"role": "user", "content": [{"text": "你好"}]}]}'.encode()
    request = WireRequest(join_address(base, "/model/{model}/converse", model), body)
    headers = headers_of(grant, request)
    target = parse_address(request.url).target
    assert headers["authorization"] == expected_authorization("POST", target, headers, body, SECRET)
    assert "/eu-central-1/bedrock/" in headers["authorization"]
    assert "x-amz-security-token" not in headers
    assert not grant.expires_within(10**9)


def test_a_key_that_is_none_gives_another_signature(cloud: pytest.MonkeyPatch) -> None:
    cloud.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    cloud.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    request = WireRequest(f"{ADDRESS}/model/m/converse", b"{}")
    headers = headers_of(AwsSource(SCOPE).obtain(), request)
    assert headers["authorization"] != expected_authorization("POST", "/model/m/converse", headers, b"{}", "another")


def test_a_profile_is_read_from_the_shared_file(cloud: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "credentials"
    file.write_text(f"[生产]\naws_access_key_id = AKIDPROFILE\naws_secret_access_key = {SECRET}\n", encoding="utf-8")
    cloud.setenv("AWS_SHARED_CREDENTIALS_FILE", str(file))
    cloud.setenv("AWS_PROFILE", "生产")
    request = WireRequest(f"{ADDRESS}/model/m/converse", b"{}")
    headers = headers_of(AwsSource(SCOPE).obtain(), request)
    assert "Credential=AKIDPROFILE/" in headers["authorization"]


@pytest.mark.sockets
def test_a_containers_role_is_asked_for_at_its_endpoint(cloud: pytest.MonkeyPatch) -> None:
    with cloud_server(aws_container) as server:
        cloud.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", f"http://{server.address}/v1/credentials")
        cloud.setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN", "let-me-in")
        grant = AwsSource(SCOPE).obtain()
    request = WireRequest(f"{ADDRESS}/model/m/converse", b"{}")
    headers = headers_of(grant, request)
    assert headers["x-amz-security-token"] == f"{SECRET}-1"
    assert headers["authorization"] == expected_authorization("POST", "/model/m/converse", headers, b"{}", SECRET)
    assert "x-amz-security-token" in headers["authorization"]
    assert server.questions[0].headers["authorization"] == "let-me-in"
    assert grant.expires_within(3700)
    assert not grant.expires_within(3500)


@pytest.mark.sockets
def test_a_containers_role_that_ends_soon_is_asked_for_again(cloud: pytest.MonkeyPatch) -> None:
    with cloud_server(aws_container) as server:
        cloud.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", f"http://{server.address}/v1/credentials")
        server.lasts_s = 200
        source = AwsSource(SCOPE)
        request = WireRequest(f"{ADDRESS}/model/m/converse", b"{}")
        assert source.obtain().expires_within(225)
        server.lasts_s = 3600
        grant = source.obtain()
        assert not grant.expires_within(225)
        assert dict(grant.headers(request))[b"x-amz-security-token"] == f"{SECRET}-{server.given}".encode()


@pytest.mark.sockets
def test_a_web_identity_is_exchanged_for_a_role(cloud: pytest.MonkeyPatch, tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("the-pods-own-token")
    with cloud_server(aws_sts) as server:
        cloud.setenv("AWS_ENDPOINT_URL_STS", f"http://{server.address}")
        cloud.setenv("AWS_WEB_IDENTITY_TOKEN_FILE", str(token))
        cloud.setenv("AWS_ROLE_ARN", "arn:aws:iam::1:role/gateway")
        grant = AwsSource(SCOPE).obtain()
    request = WireRequest(f"{ADDRESS}/model/m/converse", b"{}")
    headers = headers_of(grant, request)
    assert "Credential=ASIAEXAMPLE/" in headers["authorization"]
    assert headers["x-amz-security-token"] == f"{SECRET}-1"
    assert "WebIdentityToken=the-pods-own-token" in server.questions[0].body


def test_without_any_credentials_it_is_said_what_to_do(cloud: pytest.MonkeyPatch) -> None:
    with pytest.raises(SettingsError, match=r"set AWS_PROFILE, or run where a role is given"):
        AwsSource(SCOPE).obtain()
