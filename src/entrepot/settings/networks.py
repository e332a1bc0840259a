"""Of the network, checked and resolved: networks as people write them, certificates in and out.

Rules of this file: no file is opened here. A certificate that is not there *yet* is no mistake of the settings: `entrepot
check` and `entrepot up` say so.
"""

from __future__ import annotations

import ipaddress
from pathlib import Path

from entrepot.catalog.schema import Way
from entrepot.settings.file import DeploymentTable
from entrepot.settings.lines import Path as KeyPath
from entrepot.settings.network_tables import ListenTlsTable
from entrepot.settings.problems import Problems
from entrepot.settings.schema import ListenTls

LONGEST_SOCKET_BYTES = 107
"""What fits into `sun_path` of Linux with its NUL; elsewhere it is less, and the system says so itself."""


def check_network(text: str) -> str | None:
    """What is wrong with `text` as a network in CIDR form; None if it is one."""
    try:
        ipaddress.ip_network(text)
    except ValueError:
        pass
    else:
        return None
    try:
        meant = ipaddress.ip_network(text, strict=False)
    except ValueError:
        return "expected a network such as 10.0.0.0/8 or 2001:db8::/32, or one address"
    return f"has bits of an address beyond its prefix; the network is {meant}, one address has no prefix"


def anchored(path: str, directory: Path) -> Path:
    """A path of the settings, which are in `directory`."""
    return directory / Path(path).expanduser()


def check_socket(path: str) -> str | None:
    """What is wrong with `path`, absolute, as that of a Unix socket; None if nothing is."""
    length = len(path.encode())
    if length <= LONGEST_SOCKET_BYTES:
        return None
    return (
        f"the path of a Unix socket has {LONGEST_SOCKET_BYTES} bytes at most, {path} has {length}: take a shorter one"
    )


def resolve_listen_tls(
    table: ListenTlsTable | None, directory: Path, path: KeyPath, problems: Problems
) -> ListenTls | None:
    """TLS where we listen."""
    if table is None:
        return None
    if table.client_ca is None and table.client_certificates == "optional":
        problems.add((*path, "client_certificates"), "needs 'client_ca' beside it: who makes certificates for clients")
    return ListenTls(
        certificate=str(anchored(table.certificate, directory)),
        key=str(anchored(table.key, directory)),
        minimum_version=table.minimum_version,
        client_ca=None if table.client_ca is None else str(anchored(table.client_ca, directory)),
        client_certificates=table.client_certificates,
    )


def check_way(table: DeploymentTable, path: KeyPath, directory: Path, problems: Problems) -> None:
    """Note what cannot be meant in how a deployment is reached."""
    tls = table.tls
    if tls is not None and (tls.certificate is None) != (tls.key is None):
        given, missing = ("certificate", "key") if tls.certificate else ("key", "certificate")
        problems.add((*path, "tls", given), f"needs '{missing}' beside it: one is nothing without the other")
    if table.socket is not None and (wrong := check_socket(str(anchored(table.socket, directory)))):
        problems.add((*path, "socket"), wrong)


def way_of(table: DeploymentTable, directory: Path) -> Way | None:
    """How a deployment is reached, None in the usual way."""
    tls = table.tls
    given = {
        "ca": None if tls is None else tls.ca,
        "certificate": None if tls is None else tls.certificate,
        "key": None if tls is None else tls.key,
        "socket": table.socket,
    }
    paths = {name: str(anchored(path, directory)) for name, path in given.items() if path is not None}
    return Way(**paths) if paths else None
