"""Entrepôt: one address in front of every model, the right model for each request, and the proof.

The package may be read in the order of a request; `docs/concepts/house.md` draws it.
Start at `exchange/course.py`, which narrates one request from its beginning to its end.
"""

from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("entrepot")
except PackageNotFoundError:  # a source tree on the path, not an installed wheel
    __version__ = "0.0.0+source"

__all__ = ["__version__"]
