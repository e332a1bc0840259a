"""Stand-ins on loopback for the services that clouds' own libraries ask: metadata, container and identity endpoints, STS.

They answer in threads, because the libraries block. Every grant they give has its number in it.
"""

from __future__ import annotations

import datetime
import json
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import NamedTuple
from urllib.parse import parse_qs, urlsplit

import pytest

SECRET = "hush-hush-this-is-a-secret-of-some-length"


class Question(NamedTuple):
    """A request as a stand-in heard it."""

    method: str
    path: str
    query: dict[str, list[str]]
    headers: Mapping[str, str]
    body: str


class CloudServer:
    """A running stand-in. `given` counts the grants; `lasts_s` is how long the next one is said to last."""

    def __init__(self) -> None:
        self.port = 0
        self.given = 0
        self.lasts_s = 3600.0
        self.fails = False
        self.delay_s = 0.0
        self.questions: list[Question] = []

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def next_token(self) -> str:
        self.given += 1
        return f"{SECRET}-{self.given}"

    def ends_at(self) -> str:
        end = datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=self.lasts_s)
        return end.strftime("%Y-%m-%dT%H:%M:%SZ")


Answers = Callable[[CloudServer, Question], tuple[int, str, str]]


@contextmanager
def cloud_server(answer: Answers) -> Iterator[CloudServer]:
    """Serve `answer`, which gives status, content type and body, for as long as the block lasts."""
    server = CloudServer()

    class Handler(BaseHTTPRequestHandler):
        def respond(self) -> None:
            parts = urlsplit(self.path)
            body = self.rfile.read(int(self.headers.get("content-length") or 0)).decode()
            headers = {name.lower(): value for name, value in self.headers.items()}
            question = Question(self.command, parts.path, parse_qs(parts.query), headers, body)
            server.questions.append(question)
            time.sleep(server.delay_s)
            status, kind, text = (500, "text/plain", f"out of order, {SECRET}")
            if not server.fails:
                status, kind, text = answer(server, question)
            data = text.encode()
            self.send_response(status)
            self.send_header("content-type", kind)
            self.send_header("content-length", str(len(data)))
            self.send_header("metadata-flavor", "Google")
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = do_PUT = respond  # noqa: N815 - the base class calls them so

        def log_message(self, format: str, *args: object) -> None:
            """Nothing: a test's output is its result."""

    listening = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.port = listening.server_port
    thread = threading.Thread(target=listening.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        listening.shutdown()
        thread.join()
        listening.server_close()


def google_metadata(server: CloudServer, question: Question) -> tuple[int, str, str]:
    """Google's metadata server, as far as google-auth asks."""
    if question.path.endswith("/token"):
        token = {"access_token": server.next_token(), "expires_in": int(server.lasts_s), "token_type": "Bearer"}
        return 200, "application/json", json.dumps(token)
    if "/service-accounts/" in question.path:
        account = {"email": "gateway@acme.iam.gserviceaccount.com", "scopes": [], "aliases": ["default"]}
        return 200, "application/json", json.dumps(account)
    if question.path.endswith("/project/project-id"):
        return 200, "application/text", "acme"
    if question.path.endswith("/universe/universe-domain"):
        return 200, "application/text", "googleapis.com"
    return 200, "application/text", "ok"


def aws_container(server: CloudServer, _question: Question) -> tuple[int, str, str]:
    """The credentials endpoint of an ECS task or an EKS pod."""
    grant = {
        "AccessKeyId": "AKIDEXAMPLE",
        "SecretAccessKey": SECRET,
        "Token": server.next_token(),
        "Expiration": server.ends_at(),
    }
    return 200, "application/json", json.dumps(grant)


def aws_sts(server: CloudServer, _question: Question) -> tuple[int, str, str]:
    """STS, as far as AssumeRoleWithWebIdentity."""
    body = (
        '<AssumeRoleWithWebIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">'
        "<AssumeRoleWithWebIdentityResult><Credentials>"
        f"<AccessKeyId>ASIAEXAMPLE</AccessKeyId><SecretAccessKey>{SECRET}</SecretAccessKey>"
        f"<SessionToken>{server.next_token()}</SessionToken><Expiration>{server.ends_at()}</Expiration>"
        "</Credentials><AssumedRoleUser><Arn>arn:aws:sts::1:assumed-role/gateway/x</Arn>"
        "<AssumedRoleId>AROA:x</AssumedRoleId></AssumedRoleUser></AssumeRoleWithWebIdentityResult>"
        "<ResponseMetadata><RequestId>r</RequestId></ResponseMetadata></AssumeRoleWithWebIdentityResponse>"
    )
    return 200, "text/xml", body


def azure_identity(server: CloudServer, question: Question) -> tuple[int, str, str]:
    """The identity endpoint of App Service, Functions and Container Apps."""
    token = {
        "access_token": server.next_token(),
        "expires_on": str(int(time.time() + server.lasts_s)),
        "resource": question.query["resource"][0],
        "token_type": "Bearer",
    }
    return 200, "application/json", json.dumps(token)


@contextmanager
def no_cloud(home: Path) -> Iterator[pytest.MonkeyPatch]:
    """An environment in which no cloud's library finds anything, to be filled in by the test."""
    with pytest.MonkeyPatch.context() as patch:
        for name in os.environ:
            if name.startswith(("AWS_", "GOOGLE_", "GCE_", "CLOUDSDK_", "AZURE_", "IDENTITY_", "MSI_")):
                patch.delenv(name)
        patch.setenv("HOME", str(home))
        patch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        patch.setenv("NO_PROXY", "127.0.0.1")
        yield patch
