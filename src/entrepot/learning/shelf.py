"""Routers' files that were put in force without the settings naming them: kept beside the ledger, by their digest.

Rules of this file: a file here is never changed. Its name is the beginning of the digest that its content ends with.
"""

from __future__ import annotations

import os
from pathlib import Path

from entrepot.errors import DataError
from entrepot.routing.artifact import Artifact, load_artifact

FOLDER = "routers"


def shelved(directory: str | Path, digest: str) -> Path:
    """Where the file of this digest is, in the folder of the ledger, if it is kept."""
    return Path(directory) / FOLDER / f"{digest[:12]}.router"


def put_on_shelf(directory: str | Path, path: Path) -> Artifact:
    """Keep a copy of a router's file; what it holds.

    Raises ArtifactError where it is none, DataError where no copy can be kept.
    """
    artifact = load_artifact(path)
    place = shelved(directory, artifact.digest)
    if place.exists():
        return artifact
    beside = place.with_name(f"{place.name}.part")
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        with beside.open("wb") as file:
            file.write(path.read_bytes())
            file.flush()
            os.fsync(file.fileno())
        beside.replace(place)
    except OSError as error:
        raise DataError(f"{place} cannot be written: {error.strerror or error}") from error
    return artifact
