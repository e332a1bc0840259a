"""A request looked into before it is planned: what its headers say, what a detector finds, what is taken out.

Rules of this file: what is long is read in a thread, because the loop serves others meanwhile. Where something is taken out, the
request is read anew from what is left, so that nothing of the client's own bytes can go on.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from urllib.parse import unquote

import msgspec

from entrepot.catalog.places import COUNTRIES
from entrepot.dialects.base import Asked, ClientDialect, Envelope
from entrepot.errors import InvalidRequest
from entrepot.exchange.circumstance import UNSEEN, Seen
from entrepot.exchange.sensing import Sensor
from entrepot.server.addresses import is_trusted, parse_networks

_LONG_BYTES = 20_000
_CLASSES = "x-entrepot-data-class"
_REGION = "x-entrepot-client-region"
_NAMES = frozenset({_CLASSES.encode(), _REGION.encode()})
_MOST_CLASSES = 16


class Inspector:
    """Looks into the requests of one gateway process. `region_header` is believed of `trusted_proxies` and of nobody else."""

    def __init__(self, sensor: Sensor, region_header: str | None = None, trusted_proxies: Iterable[str] = ()) -> None:
        self._trusted = parse_networks(trusted_proxies)
        self._sensor = sensor
        self._region_header = None if region_header is None else region_header.lower().encode()

    async def inspect(
        self, asked: Asked, dialect: ClientDialect, envelope: Envelope, peer: str | None = None
    ) -> tuple[Asked, Seen]:
        """The request as it may go on, and what was seen of it; `peer` is the other end of the connection.

        Raises InvalidRequest where a header cannot be read.
        """
        said = self._said(envelope.headers, peer)
        if not self._sensor.looks:
            return asked, said
        name = asked.request.model
        if sum(map(len, map(bytes, asked.fields.values()))) > _LONG_BYTES:
            found = await asyncio.to_thread(self._sensor.look, asked.fields, name)
        else:
            found = self._sensor.look(asked.fields, name)
        if found.redacted is not None:
            anew = dialect.parse_request(msgspec.json.encode(found.redacted), envelope)
            asked = msgspec.structs.replace(anew, headers=asked.headers, echo=asked.echo)
        classes = said.data_classes | found.data_classes
        return asked, msgspec.structs.replace(said, data_classes=classes, counts=found.counts)

    def _said(self, headers: Mapping[bytes, bytes], peer: str | None) -> Seen:
        if self._region_header is None and headers.keys().isdisjoint(_NAMES):
            return UNSEEN
        return Seen(
            data_classes=_words(headers, _CLASSES),
            region=self._vouched_region(headers, peer),
            client_regions=_regions(headers),
        )

    def _vouched_region(self, headers: Mapping[bytes, bytes], peer: str | None) -> str | None:
        if self._region_header is None or not is_trusted(peer, self._trusted):
            return None
        word = headers.get(self._region_header, b"").decode("latin-1").strip().upper()
        return word if word in COUNTRIES else None  # proxies write XX or T1 where they cannot tell


def _words(headers: Mapping[bytes, bytes], name: str) -> frozenset[str]:
    try:
        written = headers.get(name.encode(), b"").decode()
        words = frozenset(word for part in written.split(",") if (word := unquote(part, errors="strict").strip()))
    except UnicodeDecodeError:
        raise InvalidRequest(f"{name} is not UTF-8: send it as such, or percent-encoded", param=name) from None
    if len(words) > _MOST_CLASSES:
        raise InvalidRequest(f"{name} names {len(words)} words; the limit is {_MOST_CLASSES}", param=name)
    return words


def _regions(headers: Mapping[bytes, bytes]) -> frozenset[str]:
    words = frozenset(word.upper() for word in _words(headers, _REGION))
    if wrong := sorted(words - COUNTRIES):
        raise InvalidRequest(
            f"{_REGION} names '{wrong[0][:20]}', which is not a country's ISO 3166 code such as CN or DE", param=_REGION
        )
    return words
