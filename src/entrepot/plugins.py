"""Entry points by which other packages add to ours: `entrepot.dialects`, `entrepot.embedders`.

Rules of this file: a plugin is loaded by name, on request, never because it happens to be installed.
"""

from __future__ import annotations

from importlib.metadata import entry_points
from typing import Literal

from entrepot.errors import OperatorError

Kind = Literal["dialects", "embedders"]


def load_plugin(kind: Kind, name: str) -> object:
    """The object that the entry point `name` of group `entrepot.<kind>` names. Raises OperatorError if there is none."""
    found = entry_points(group=f"entrepot.{kind}", name=name)
    for point in found:
        return point.load()
    known = ", ".join(sorted(point.name for point in entry_points(group=f"entrepot.{kind}"))) or "none"
    raise OperatorError(f"no installed package offers '{name}' under 'entrepot.{kind}' (installed: {known})")
