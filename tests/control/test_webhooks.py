from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from entrepot.control.webhooks import PAUSES_S, Outbox

pytestmark = pytest.mark.sockets


@contextmanager
def receiver(*statuses: int) -> Iterator[tuple[str, list[Any]]]:
    """Somebody who answers with these statuses in turn, the last one for ever."""
    heard: list[Any] = []
    left = list(statuses)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            heard.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
            status = left.pop(0) if len(left) > 1 else left[0]
            self.send_response(status)
            if status == 302:
                self.send_header("location", "/elsewhere")
            self.send_header("content-length", "0")
            self.end_headers()

        def do_GET(self) -> None:
            heard.append(self.path)
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/hook/secret", heard
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_a_message_is_sent_once_it_is_taken() -> None:
    with receiver(204) as (url, heard):
        outbox = Outbox(allow_inside=True)
        outbox.put(url, {"budget": "预算"})
        outbox.run_once(0.0)
        outbox.run_once(1000.0)
    assert heard == [{"budget": "预算"}]


def test_what_is_refused_is_tried_again_after_a_while() -> None:
    with receiver(500, 200) as (url, heard):
        outbox = Outbox(allow_inside=True)
        outbox.put(url, {"n": 1})
        outbox.run_once(0.0)
        outbox.run_once(PAUSES_S[0] - 0.1)
        assert len(heard) == 1
        outbox.run_once(PAUSES_S[0])
        outbox.run_once(10_000.0)
    assert len(heard) == 2


def test_after_five_times_it_is_told_without_its_path(caplog: pytest.LogCaptureFixture) -> None:
    with receiver(500) as (url, heard):
        outbox = Outbox(allow_inside=True)
        outbox.put(url, {"n": 1})
        for number in range(10):
            outbox.run_once(number * 1000.0)
    assert len(heard) == 1 + len(PAUSES_S)
    assert "127.0.0.1" in caplog.text
    assert "secret" not in caplog.text


def test_an_address_inside_the_network_is_not_called() -> None:
    with receiver(200) as (url, heard):
        outbox = Outbox()
        outbox.put(url, {"n": 1})
        outbox.run_once(0.0)
    assert heard == []


def test_a_redirection_is_not_followed() -> None:
    with receiver(302) as (url, heard):
        outbox = Outbox(allow_inside=True)
        outbox.put(url, {"n": 1})
        outbox.run_once(0.0)
    assert heard == [{"n": 1}]


def test_what_is_no_web_address_is_not_opened() -> None:
    outbox = Outbox(allow_inside=True)
    outbox.put("file:///etc/passwd", {"n": 1})
    outbox.run_once(0.0)


@pytest.mark.parametrize("addresses", [("127.0.0.1",), ("::1", "127.0.0.1")])
def test_what_is_dialled_is_the_address_that_was_looked_at_and_not_the_name_anew(addresses: tuple[str, ...]) -> None:
    with receiver(204) as (url, heard):
        outbox = Outbox(outside=lambda _: addresses)
        outbox.put(url.replace("127.0.0.1", "changed-since.invalid"), {"n": 1})
        outbox.run_once(0.0)
    assert heard == [{"n": 1}]


def test_over_tls_the_certificate_is_asked_for_by_name() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        greeted: list[bytes] = []

        def answer() -> None:
            connection, _ = listener.accept()
            with connection:
                greeted.append(connection.recv(4096))

        thread = threading.Thread(target=answer)
        thread.start()
        outbox = Outbox(outside=lambda _: ("127.0.0.1",))
        outbox.put(f"https://named.invalid:{listener.getsockname()[1]}/hook", {"n": 1})
        outbox.run_once(0.0)
        thread.join()
    assert b"named.invalid" in greeted[0]  # RFC 6066, server_name
