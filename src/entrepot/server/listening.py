"""Where we listen: a TCP port over IPv4 or IPv6, or a Unix socket.

Rules of this file: a socket is opened once, by whoever starts the processes that inherit it. A Unix socket's file that nobody
listens on is what a killed process left, and is replaced; one that answers is somebody's. Its group may connect, others not.
"""

from __future__ import annotations

import contextlib
import errno
import ipaddress
import os
import socket
from pathlib import Path

from entrepot.errors import SettingsError

BACKLOG = 2048
SOCKET_MODE = 0o660


def listen_on_port(host: str, port: int, setting: str) -> socket.socket:
    """A listening TCP socket; `::` takes IPv4 as well where the system has it so. Raises SettingsError, which names `setting`."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except OSError as error:
        raise SettingsError(
            f"cannot listen on {host}: {error.strerror}; name one of this machine with {setting}"
        ) from error
    family, kind, protocol, _, address = found[0]
    listening = socket.socket(family, kind, protocol)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind(address)
    except OSError as error:
        listening.close()
        raise SettingsError(
            f"cannot listen on {authority(host, port)}: {error.strerror}; choose another with {setting}"
        ) from error
    listening.listen(BACKLOG)
    return listening


def listen_on_path(path: str, setting: str) -> socket.socket:
    """A listening Unix socket. Raises SettingsError."""
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        _remove_left_over(path)
        listening.bind(path)
        os.chmod(path, SOCKET_MODE)  # noqa: PTH101 - beside bind, which takes a text
    except OSError as error:
        listening.close()
        reason = "another program listens there" if error.errno == errno.EADDRINUSE else error.strerror
        raise SettingsError(f"cannot listen on {path}: {reason}; choose another with {setting}") from error
    listening.listen(BACKLOG)
    return listening


def stop_listening(listening: socket.socket) -> None:
    """Give the place back: who connects from now on is refused."""
    if listening.family == socket.AF_UNIX:
        with contextlib.suppress(OSError):
            Path(listening.getsockname()).unlink()
    listening.close()


def address_of(listening: socket.socket, *, tls: bool = False) -> str:
    """Where clients find it: the beginning of a URL, or `unix:` and a path."""
    if listening.family == socket.AF_UNIX:
        return f"unix:{listening.getsockname()}"
    host, port = listening.getsockname()[:2]
    return f"{'https' if tls else 'http'}://{authority(host, port)}"


def authority(host: str, port: int) -> str:
    """Host and port as one text."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def admits_others(host: str) -> bool:
    """Whether other machines can reach what listens on this address."""
    try:
        return not ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host != "localhost"


def _remove_left_over(path: str) -> None:
    file = Path(path)
    if not file.is_socket():
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as trying:
        try:
            trying.connect(path)
        except ConnectionRefusedError:
            file.unlink(missing_ok=True)
