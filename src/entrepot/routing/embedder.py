"""Where somebody's embedding model joins the features: a package that offers one under `entrepot.embedders`.

Rules of this file: none is used unless a router was fitted with it, and such a router is used with no other. What an embedder
costs is added to every decision; it must say the same of the same text in every process.
"""

from __future__ import annotations

from typing import Protocol, cast

import numpy as np

from entrepot.errors import OperatorError
from entrepot.plugins import load_plugin
from entrepot.routing.base import Floats

MAX_DIMENSIONS = 4096


class Embedder(Protocol):
    """Texts as vectors whose nearness means something."""

    name: str
    """What its entry point is called, and what the router's file calls it."""

    dimensions: int

    def embed(self, text: str) -> Floats:
        """The text's vector, shape (dimensions,), float32 and finite. Called for every request of a route."""
        ...


def load_embedder(name: str) -> Embedder:
    """The embedder that an installed package offers by this name. Raises OperatorError if there is none, or it is not one."""
    loaded = load_plugin("embedders", name)
    found = cast("Embedder", loaded() if isinstance(loaded, type) else loaded)
    size = getattr(found, "dimensions", 0)
    if not callable(getattr(found, "embed", None)) or not isinstance(size, int) or not 0 < size <= MAX_DIMENSIONS:
        what = f"an embedder has embed(text), a name, and dimensions from 1 to {MAX_DIMENSIONS}"
        raise OperatorError(f"'{name}' under 'entrepot.embedders' is no embedder: {what}")
    if found.name != name:
        raise OperatorError(f"the embedder '{name}' calls itself '{found.name}': the two names must be one")
    return found


def embed(embedder: Embedder, text: str) -> Floats:
    """The text's vector. Raises OperatorError where the embedder gives something else."""
    vector = np.asarray(embedder.embed(text), np.float32)
    if vector.shape != (embedder.dimensions,) or not np.isfinite(vector).all():
        raise OperatorError(
            f"the embedder '{embedder.name}' gave shape {vector.shape} where {embedder.dimensions} finite numbers are wanted"
        )
    return vector
