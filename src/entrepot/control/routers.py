"""Versions of the router: which is in force, which were, and how another takes its place.

What is in force is one object of the control store, so it reaches every gateway within a second, and of a fleet too; and the
trail of its changes holds every version that ever was in force, whole, so any of them can be brought back.

Rules of this file: a version is never changed, only another put in its place. What is said of a router over the settings' file
holds only while the settings name that file.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import msgspec

from entrepot.control.objects import ROUTER, RouterVersion, Running, Snapshot
from entrepot.control.store import ControlStore, Transaction
from entrepot.errors import SettingsError
from entrepot.routing.artifact import Artifact
from entrepot.routing.correction import NOTHING, Correction, Learned

_PAGE = 200


def learned_in(snapshot: Snapshot) -> Learned | None:
    """What is in force in place of the settings' file, as gateways take it."""
    return next((_learned(one) for one in snapshot.routers), None)


def _learned(running: Running) -> Learned:
    version = running.version
    return Learned(version.name, version.base, running.over, version.correction)


def version_of_file(artifact: Artifact, made_by: Literal["settings", "operator"] = "settings") -> RouterVersion:
    """The version that a router's file is by itself."""
    told = artifact.provenance
    fitted = f"{told.outcomes:,} outcomes of {told.prompts:,} prompts ({', '.join(told.sources)}), {told.window}"
    return RouterVersion(artifact.version, artifact.digest, artifact.version, made_by=made_by, fitted_on=fitted)


def running_in(snapshot: Snapshot, file: Artifact) -> Running:
    """What is in force, where the settings name `file`; nothing was ever put in its place where `by` is empty."""
    found = next((one for one in snapshot.routers if one.over == file.digest), None)
    if found is not None:
        return found
    version = version_of_file(file)
    return Running(version, version, file.digest, 0.0, 0.0)


def put_in_place(
    book: Transaction,
    before: Running,
    version: RouterVersion,
    by: str,
    why: str,
    action: str = "promote",
    further: str | None = None,
) -> Running:
    """Have `version` in force from now on, and what comes from now on taken in by it.

    Going back from it leads to `further`, by default to what was in force until now.
    """
    came_from = before.version.name if further is None else further
    after = Running(version, version, before.over, book.now_s, book.now_s, by, why, came_from)
    book.put("router", ROUTER, after, action)
    return after


def take_in(book: Transaction, before: Running, version: RouterVersion, why: str) -> Running:
    """Have in force what became of the promoted version by the outcomes that came since; what was promoted stays so."""
    after = msgspec.structs.replace(before, version=version, at_s=book.now_s, by="entrepot", why=why)
    book.put("router", ROUTER, after, "absorb")
    return after


def history(store: ControlStore) -> Iterator[Running]:
    """All that was ever in force, the newest first."""
    before: int | None = None
    while changes := store.changes(before_seq=before, limit=_PAGE, kind="router", name=ROUTER):
        for change in changes:
            if change.after is not None:
                yield msgspec.json.decode(change.after, type=Running)
        before = changes[-1].seq


def versions(store: ControlStore, file: Artifact) -> list[Running]:
    """Each version that ever was in force, as it was put in force the last time: the newest first, last the settings' file."""
    found: dict[str, Running] = {}
    for one in history(store):
        found.setdefault(one.version.name, one)
        found.setdefault(one.settled.name, msgspec.structs.replace(one, version=one.settled, at_s=one.since_s))
    own = version_of_file(file)
    found.setdefault(own.name, Running(own, own, file.digest, 0.0, 0.0))
    return list(found.values())


def corrections_of(store: ControlStore, file: Artifact, base: str) -> dict[str, Correction]:
    """The corrections of all versions made of the file `base` (its digest), by their names, as decisions have them."""
    known = [one.version for one in versions(store, file) if one.version.base == base]
    found = {one.name: one.correction for one in known}
    found.update((one.base_version, NOTHING) for one in known)
    return found


def find_version(store: ControlStore, file: Artifact, name: str) -> Running:
    """The version of this name, or of the one name that begins or ends so. Raises SettingsError."""
    known = versions(store, file)
    exact = [one for one in known if one.version.name == name]
    alike = exact or [one for one in known if one.version.name.startswith(name) or one.version.name.endswith(name)]
    if len(alike) == 1:
        return alike[0]
    told = "none is" if not alike else f"{len(alike)} are"
    raise SettingsError(f"there is no one router called '{name}' ({told}); 'entrepot router list' shows them all")


def version_before(store: ControlStore, running: Running, file: Artifact) -> RouterVersion:
    """What was in force before the version that is was promoted; where none was, that one without what it took in.

    Raises SettingsError where there is nothing to go back to.
    """
    if not running.by:
        raise SettingsError("nothing was ever put in place of the router that the settings name: change [router]")
    if not running.before:
        if running.version == running.settled:
            raise SettingsError(f"there is nothing before {running.version.name}; it is in force as it was promoted")
        return running.settled
    return find_version(store, file, running.before).version


def before_that(store: ControlStore, version: RouterVersion) -> str:
    """What was in force before a version first was, so that going back once more goes further; empty where nothing was."""
    first = ""
    for one in history(store):
        if version.name in (one.settled.name, one.version.name):
            first = one.before
    return first
