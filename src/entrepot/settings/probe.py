"""Model servers on this machine, found by asking their usual ports which models they have.

Rules of this file: loopback only, unless the environment says where a server is (OLLAMA_HOST); all ports are asked at once;
silence, garbage and refusal within half a second all mean "not there". Nothing is sent but a GET, and never a credential.
"""

from __future__ import annotations

import http.client
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple
from urllib.parse import urlsplit

import msgspec

from entrepot.dialects.address import join_address

TIMEOUT_S = 0.5
_MAX_ANSWER_BYTES = 4 * 1024 * 1024
_OLLAMA_HOST = "OLLAMA_HOST"


class Port(NamedTuple):
    """A place to ask: the provider it would be, and its address as the catalog writes it."""

    provider: str
    base_url: str


class LocalServer(NamedTuple):
    """A server that answered: its models by the names it gives them; `locked` if it wants a key before it says them."""

    provider: str
    base_url: str
    models: tuple[str, ...]
    locked: bool = False


class _Listed(msgspec.Struct):
    id: str


class _Listing(msgspec.Struct):
    data: tuple[_Listed, ...] | None = None


def usual_ports(addresses: Mapping[str, str], environ: Mapping[str, str]) -> list[Port]:
    """Where to ask: each provider's usual address, and Ollama where OLLAMA_HOST says it is."""
    ports = []
    for provider, address in addresses.items():
        named = environ.get(_OLLAMA_HOST, "").strip() if provider == "ollama" else ""
        ports.append(Port(provider, _ollama_url(named, urlsplit(address).port or 80) if named else address))
    return ports


def probe(ports: Sequence[Port]) -> list[LocalServer]:
    """The servers that answered, in the order asked."""
    if not ports:
        return []
    with ThreadPoolExecutor(max_workers=len(ports)) as pool:
        return [server for server in pool.map(_ask, ports) if server is not None]


def _ask(port: Port) -> LocalServer | None:
    # whatever they speak beside it, all of them list their models as OpenAI does
    parts = urlsplit(join_address(port.base_url, "/v1/models"))
    connect = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = connect(parts.hostname or "127.0.0.1", parts.port, timeout=TIMEOUT_S)
    try:
        connection.request("GET", parts.path, headers={"accept": "application/json"})
        response = connection.getresponse()
        if response.status == 401:
            return LocalServer(port.provider, port.base_url, (), locked=True)
        if response.status != 200:
            return None
        listing = msgspec.json.decode(response.read(_MAX_ANSWER_BYTES), type=_Listing)
    except (OSError, http.client.HTTPException, msgspec.MsgspecError, ValueError):
        return None  # no server, or not one of models: both are "nothing found here"
    finally:
        connection.close()
    return LocalServer(port.provider, port.base_url, tuple(listed.id for listed in listing.data or ()))


def _ollama_url(named: str, port: int) -> str:
    """OLLAMA_HOST as Ollama reads it: host, host:port or a URL; 0.0.0.0, which listens everywhere, is asked on loopback."""
    parts = urlsplit(named if "://" in named else f"http://{named}")
    host = parts.hostname or "127.0.0.1"
    if host in ("0.0.0.0", "::"):  # noqa: S104 - compared with, not bound to
        host = "127.0.0.1"
    elif ":" in host:
        host = f"[{host}]"
    default = 443 if parts.scheme == "https" else port
    try:
        chosen = parts.port or default
    except ValueError:  # a port that is no number: Ollama falls back to its own
        chosen = port
    return f"{parts.scheme}://{host}:{chosen}{parts.path.rstrip('/')}"
