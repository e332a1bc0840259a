"""What a provider's address leaves to each customer, filled in from the file or the environment.

Rules of this file: what is filled in is one word of a host or a path; it cannot turn an address into another's.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from entrepot.catalog.deployment import blanks_in
from entrepot.catalog.nearest import did_you_mean
from entrepot.catalog.schema import Provider
from entrepot.settings.file import DeploymentTable
from entrepot.settings.lines import Path
from entrepot.settings.problems import quote

_WORD = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?")


def fill_blanks(table: DeploymentTable, provider: Provider, environ: Mapping[str, str]) -> dict[str, str]:
    """What is known for the provider's blanks: as the file says, else as the first of their usual variables that is set."""
    found = {}
    for blank in provider.blanks:
        values = ((table.address or {}).get(blank.name), *(environ.get(name, "").strip() for name in blank.env))
        value = next((value for value in values if value), None)
        if value is not None:
            found[blank.name] = value
    return found


def check_blanks(
    table: DeploymentTable, provider: Provider | None, address: str | None, environ: Mapping[str, str]
) -> Iterator[tuple[Path, str]]:
    """What is wrong with what is filled in, and where. `address` is the catalog's; None where the file gives a whole one."""
    given = table.address or {}
    known = [blank.name for blank in provider.blanks] if provider else []
    if given and (address is None or not known):
        yield (
            ("address",),
            f"{table.provider}'s address leaves nothing to fill in" if provider else "give base_url instead",
        )
        return
    for name in given:
        if name not in known:
            yield ("address", name), f"{table.provider}'s address has no {quote(name)} in it{did_you_mean(name, known)}"
    if provider is None or address is None:
        return
    filled = fill_blanks(table, provider, environ)
    for name, value in filled.items():
        if not _WORD.fullmatch(value):
            yield (
                ("address", name) if name in given else (),
                f"{name} = {quote(value)} is not a word that stands in an address",
            )
    for blank in provider.blanks:
        if blank.name in blanks_in(address) and blank.name not in filled:
            variables = f", or set {' or '.join(blank.env)}" if blank.env else ""
            what = f"{table.provider}'s address is {address}, where {blank.name} is {blank.what}"
            yield (), f'{what}: write address = {{ {blank.name} = "…" }}{variables}'
