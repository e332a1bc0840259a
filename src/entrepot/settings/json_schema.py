"""The JSON Schema of entrepot.toml, for editors: generated from `file.py`, shipped beside it, equal to it by test.

To write it anew: `python -m entrepot.settings.json_schema`.
"""

from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path
from typing import Any

import msgspec

from entrepot.settings.file import SettingsFile

SCHEMA_NAME = "entrepot.schema.json"


def build_schema() -> dict[str, Any]:
    """The schema as a value."""
    schema: dict[str, Any] = msgspec.json.schema(SettingsFile)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "entrepot.toml",
        **_as_toml(schema),
    }


def render_schema() -> str:
    """The schema as the text that ships."""
    return json.dumps(build_schema(), indent=2, ensure_ascii=False, sort_keys=True) + "\n"


def read_shipped_schema() -> str:
    """The text that ships with this installation."""
    return files("entrepot.settings").joinpath(SCHEMA_NAME).read_text(encoding="utf-8")


def _as_toml(value: Any) -> Any:  # noqa: ANN401 - JSON is of any shape
    """The schema of TOML, which writes a price as a number and leaves a key out where JSON would write null."""
    if isinstance(value, list):
        return [_as_toml(inner) for inner in value if inner != {"type": "null"}]
    if not isinstance(value, dict):
        return value
    changed = {name: _as_toml(inner) for name, inner in value.items() if not _is_default_of_nothing(name, inner)}
    if isinstance(changed.get("description"), str):
        changed["description"] = " ".join(changed["description"].split("\n\n")[0].split())
    if changed.get("format") == "decimal":
        del changed["format"]
        changed.update(type="number", minimum=0)
    alternatives = changed.get("anyOf", [])
    if len(alternatives) == 1:
        del changed["anyOf"]
        changed = {**alternatives[0], **changed}
    return changed


def _is_default_of_nothing(name: str, value: object) -> bool:
    """Whether this says that a key, or the keys of a table, may be left out, which TOML does without saying so."""
    return name == "default" and (value is None or isinstance(value, dict))


if __name__ == "__main__":
    Path(__file__).with_name(SCHEMA_NAME).write_text(render_schema(), encoding="utf-8")
