"""[content] checked, and the keys that it refers to."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from entrepot.ledger.content.seal import Seals, read_key
from entrepot.settings.content_table import ContentTable
from entrepot.settings.lines import Path as Place
from entrepot.settings.problems import Problems
from entrepot.settings.schema import ContentSettings, Settings
from entrepot.settings.secret import anchor_reference, check_reference
from entrepot.upstream.credentials import Credentials

_MIB = 1024 * 1024


def resolve_content(table: ContentTable, directory: Path, problems: Problems) -> ContentSettings:
    """How content is kept; relative paths of references start at `directory`."""
    if table.decrypt_with and table.encrypt_with is None:
        told = "without encrypt_with, what is new would lie open: name the key for it there"
        problems.add(("content", "decrypt_with"), told)
    current = (
        None
        if table.encrypt_with is None
        else _anchored(table.encrypt_with, ("content", "encrypt_with"), directory, problems)
    )
    earlier = tuple(
        _anchored(one, ("content", "decrypt_with", index), directory, problems)
        for index, one in enumerate(table.decrypt_with)
    )
    return ContentSettings(table.keep_days, table.max_mb * _MIB, current, earlier)


def storing_routes(settings: Settings) -> frozenset[str]:
    """The routes that keep what is said on them."""
    return frozenset(route.name for route in settings.routes if route.store_content)


def content_seals(settings: Settings, environ: Mapping[str, str]) -> Seals:
    """The keys of these settings. Raises SettingsError where one cannot be read or is none, ExtraMissing."""
    credentials = Credentials(environ)

    def key_of(reference: str) -> bytes:
        return read_key(credentials.read(reference), reference)

    named = settings.content
    current = None if named.encrypt_with is None else key_of(named.encrypt_with)
    return Seals(current, tuple(map(key_of, named.decrypt_with)))


def _anchored(reference: str, place: Place, directory: Path, problems: Problems) -> str:
    if wrong := check_reference(reference):
        problems.add(place, wrong)
        return reference
    return anchor_reference(reference, directory)
