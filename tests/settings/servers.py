"""Small HTTP servers on loopback that answer what a test says."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple


class Served(NamedTuple):
    """Where a server listens, and what it was asked: path and authorization of each request."""

    base_url: str
    asked: list[tuple[str, str | None]]


@contextmanager
def serve(status: int = 200, body: bytes = b"{}", headers: Mapping[str, str] | None = None) -> Iterator[Served]:
    """A server that answers every GET alike."""
    asked: list[tuple[str, str | None]] = []

    class Answers(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append((self.path, self.headers.get("authorization")))
            self.send_response(status)
            for name, value in (headers or {}).items():
                self.send_header(name, value)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield Served(f"http://127.0.0.1:{server.server_port}/v1", asked)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def serve_silence() -> Iterator[Served]:
    """A place that accepts connections and never answers."""

    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield Served(f"http://127.0.0.1:{listening.getsockname()[1]}/v1", [])


def closed_port() -> str:
    """The address of a port of loopback where nothing listens."""

    with socket.create_server(("127.0.0.1", 0)) as listening:
        port: int = listening.getsockname()[1]
    return f"http://127.0.0.1:{port}/v1"
