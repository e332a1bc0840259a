"""The certificates that settings name: whether they can be used, and until when."""

from __future__ import annotations

import datetime
from collections.abc import Callable

import msgspec

from entrepot.catalog.schema import Way
from entrepot.errors import SettingsError
from entrepot.server.listening_tls import build_listening_tls
from entrepot.settings.schema import ListenTls, Settings
from entrepot.upstream.certificates import read_ends
from entrepot.upstream.tls import build_way_tls

SOON = datetime.timedelta(days=30)


class Certificate(msgspec.Struct, frozen=True):
    """What is to be said of certificates that belong together. `where` is whose they are, `ends` when the first of them does.

    `hint` says what is wrong, or will be; it is empty where nothing is.
    """

    where: str
    usable: bool
    ends: datetime.datetime | None = None
    hint: str = ""


def look_at_certificates(settings: Settings, now: datetime.datetime) -> list[Certificate]:
    """All certificates of the settings. Reads files and opens no connection."""
    found = []
    control = settings.control
    for where, tls in (
        ("[gateway.tls]", settings.gateway.tls),
        ("[control.tls]", None if control is None else control.tls),
    ):
        if tls is not None:
            found.append(_look(where, [tls.certificate, tls.client_ca], _listens(tls, where), now))
    for deployment in settings.deployments:
        way = deployment.way
        if way is not None and (way.ca or way.certificate):
            found.append(_look(deployment.id, [way.certificate, way.ca], _dials(way), now))
    return found


def _listens(tls: ListenTls, where: str) -> Callable[[], object]:
    return lambda: build_listening_tls(tls, where)


def _dials(way: Way) -> Callable[[], object]:
    return lambda: build_way_tls(way)


def _look(where: str, files: list[str | None], build: Callable[[], object], now: datetime.datetime) -> Certificate:
    try:
        build()
        ends = [(end, file) for file in files if file is not None for end in read_ends(file)]
    except SettingsError as error:
        return Certificate(where, usable=False, hint=error.message)
    except (OSError, ValueError) as error:
        return Certificate(where, usable=False, hint=f"{', '.join(filter(None, files))} cannot be read: {error}")
    end, file = min(ends)
    if end <= now:
        return Certificate(
            where, usable=False, ends=end, hint=f"a certificate in {file} ended on {end:%Y-%m-%d}; renew it"
        )
    hint = f"a certificate in {file} ends on {end:%Y-%m-%d}; renew it before" if end - now < SOON else ""
    return Certificate(where, usable=True, ends=end, hint=hint)
