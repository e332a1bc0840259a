"""`entrepot health`: whether the gateway that these settings describe answers on this machine. For a container's health check."""

from __future__ import annotations

import contextlib
import ipaddress
import os
import socket
import ssl
import sys
from pathlib import Path

import click

from entrepot.errors import Unavailable
from entrepot.settings.choose import find_settings
from entrepot.settings.schema import GatewaySettings

_REFUSED_WITHOUT = ("CERTIFICATE_REQUIRED", "HANDSHAKE_FAILURE")
_LIVES_WITHOUT = (200, "it lives, and asks for a client certificate")


@click.command()
@click.option("--config", type=click.Path(path_type=Path), help="The settings file. Default: entrepot.toml here.")
@click.option("--port", type=click.IntRange(1, 65535), help="The port, where up was given another one.")
@click.option("--ready", is_flag=True, help="Ask whether it can write down what it does, not only whether it lives.")
@click.option(
    "--timeout", "timeout_s", type=click.FloatRange(0.1, 60), default=3.0, help="How long to wait, in seconds."
)
def health(config: Path | None, port: int | None, ready: bool, timeout_s: float) -> None:
    """Ask the gateway on this machine whether it lives.

    Where it lets nobody in without a client certificate, that it asks for one is the answer.

    Exit code: 0 it does, 1 it does not, 2 the settings are wrong.
    """
    settings = find_settings(config, os.environ, Path.cwd()).settings
    gateway = GatewaySettings() if settings is None else settings.gateway
    path = "/readyz" if ready else "/livez"
    try:
        status, said = ask(gateway, path, timeout_s, port)
    except OSError as error:
        raise Unavailable(
            f"the gateway does not answer at {place_of(gateway, port)}: {error.strerror or error}"
        ) from error
    click.echo(said)
    sys.exit(0 if status == 200 else 1)


def ask(gateway: GatewaySettings, path: str, timeout_s: float, port: int | None = None) -> tuple[int, str]:
    """The status and what was said. Raises OSError: there is no answer."""
    with contextlib.ExitStack() as stack:
        connection = stack.enter_context(_connect(gateway, port, timeout_s))
        if gateway.tls is None:
            return _exchange(connection, path)
        asks_for_one = bool(gateway.tls.client_ca)
        try:
            connection = stack.enter_context(_secure(connection, gateway.tls.certificate))
        except ssl.SSLError as error:
            if asks_for_one and any(word in (error.reason or "") for word in _REFUSED_WITHOUT):
                return _LIVES_WITHOUT
            raise
        try:
            return _exchange(connection, path)
        except (ssl.SSLError, ConnectionResetError, BrokenPipeError):
            # TLS 1.3 is done for us before the other side misses our certificate: it has proved its own by now, and whether
            # its alert or the end of the connection meets our request first is chance.
            if asks_for_one:
                return _LIVES_WITHOUT
            raise


def place_of(gateway: GatewaySettings, port: int | None) -> str:
    """Where it is asked."""
    if gateway.socket is not None and port is None:
        return gateway.socket
    return f"port {port or gateway.port} of {_near(gateway.host)}"


def _connect(gateway: GatewaySettings, port: int | None, timeout_s: float) -> socket.socket:
    if gateway.socket is not None and port is None:
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        connection.settimeout(timeout_s)
        try:
            connection.connect(gateway.socket)
        except OSError:
            connection.close()
            raise
        return connection
    return socket.create_connection((_near(gateway.host), port or gateway.port), timeout_s)


def _near(host: str) -> str:
    """The address by which this machine reaches what listens on `host`."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host
    if not address.is_unspecified:
        return host
    return "::1" if address.version == 6 else "127.0.0.1"


def _secure(connection: socket.socket, certificate: str) -> ssl.SSLSocket:
    """TLS with whoever has the gateway's own certificate: it is asked for by address, so its name says nothing."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    context.load_verify_locations(certificate)
    return context.wrap_socket(connection)


def _exchange(connection: socket.socket, path: str) -> tuple[int, str]:
    connection.sendall(f"GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n".encode())
    received = b""
    while piece := connection.recv(65536):
        received += piece
    if not received:
        raise ConnectionResetError("it hung up without a word")
    head, _, body = received.partition(b"\r\n\r\n")
    words = head.split(b" ", 2)
    if len(words) < 3 or not words[1].isdigit():
        raise ConnectionError("what answers speaks no HTTP")
    return int(words[1]), body.decode(errors="replace")
