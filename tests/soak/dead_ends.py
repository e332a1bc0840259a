"""Addresses at which no provider can be reached: nobody listens, nobody accepts, a certificate of somebody else's."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import trustme


class DeadEnds(NamedTuple):
    """Base URLs. `authority` is a file with the certificate of who signed for `mismatched`."""

    refused: str
    unaccepting: str
    mismatched: str
    unknown: str
    authority: str


@contextlib.contextmanager
def dead_ends(directory: Path) -> Iterator[DeadEnds]:
    """Addresses that stay what they are until the block ends."""
    ours, theirs = trustme.CA(), trustme.CA()
    authority = directory / "authority.pem"
    ours.cert_pem.write_to_path(str(authority))
    with contextlib.ExitStack() as stack:
        closed = stack.enter_context(socket.socket())
        closed.bind(("127.0.0.1", 0))  # bound and not listening: the port is nobody else's, and refuses
        yield DeadEnds(
            refused=f"http://127.0.0.1:{_port(closed)}/v1",
            unaccepting=f"http://127.0.0.1:{stack.enter_context(_unaccepting())}/v1",
            mismatched=f"https://127.0.0.1:{stack.enter_context(_tls(ours, 'another.example'))}/v1",
            unknown=f"https://127.0.0.1:{stack.enter_context(_tls(theirs, '127.0.0.1'))}/v1",
            authority=str(authority),
        )


def _port(listening: socket.socket) -> int:
    return int(listening.getsockname()[1])


@contextlib.contextmanager
def _unaccepting() -> Iterator[int]:
    """A port whose queue is full: the system answers no further handshake."""
    with contextlib.ExitStack() as stack:
        listening = stack.enter_context(socket.socket())
        listening.bind(("127.0.0.1", 0))
        listening.listen(0)
        for _ in range(4):
            filler = stack.enter_context(socket.socket())
            filler.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                filler.connect(listening.getsockname())
        yield _port(listening)


@contextlib.contextmanager
def _tls(authority: trustme.CA, name: str) -> Iterator[int]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(name).configure_cert(context)
    listening = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        with contextlib.suppress(OSError):
            while True:
                accepted, _ = listening.accept()
                with accepted, contextlib.suppress(OSError):
                    accepted.settimeout(5)
                    context.wrap_socket(accepted, server_side=True).close()

    thread = threading.Thread(target=serve, name=f"tls for {name}")
    thread.start()
    try:
        yield _port(listening)
    finally:
        listening.shutdown(socket.SHUT_RDWR)
        listening.close()
        thread.join()
