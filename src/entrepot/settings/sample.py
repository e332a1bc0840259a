"""Settings files to start from, one for each use that firms make of a mix of models.

Rules of this file: a sample is a TOML file in `samples/` that is read as it stands, but for `@key NAME@`, which becomes the
SHA-256 of a fresh key, and the first line, which names the schema. Each sample loads without any key in the environment.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from importlib.resources import files
from typing import Literal, NamedTuple, get_args

from entrepot.settings.client_key import ENTROPY_BYTES, make_key
from entrepot.settings.json_schema import SCHEMA_NAME

Use = Literal["internal-tools", "side-business", "hybrid"]
USES: tuple[Use, ...] = get_args(Use)

_PLACEHOLDER = re.compile(r"@key ([^@\n]+)@")


class Sample(NamedTuple):
    """The text of a settings file, and the keys made for it by name, to be shown once."""

    document: str
    keys: dict[str, str]

    def __repr__(self) -> str:
        return f"Sample(document={self.document!r}, keys of {list(self.keys)})"


def render_sample(use: Use, make_entropy: Callable[[int], bytes]) -> Sample:
    """The sample for `use` with keys made of `make_entropy(n)`, which gives n random bytes."""
    text = files("entrepot.settings").joinpath("samples", f"{use}.toml").read_text(encoding="utf-8")
    keys: dict[str, str] = {}

    def fill(found: re.Match[str]) -> str:
        key = make_key(make_entropy(ENTROPY_BYTES))
        keys[found[1]] = key.text
        return key.sha256

    return Sample(f"#:schema {SCHEMA_NAME}\n{_PLACEHOLDER.sub(fill, text)}", keys)


def render_key_table(name: str, sha256: str, team: str | None = None, tags: tuple[str, ...] = ()) -> str:
    """A [[keys]] table as text. JSON's strings are TOML's basic strings."""
    lines = ["[[keys]]", f"name = {_text(name)}", f'sha256 = "{sha256}"']
    if team is not None:
        lines.append(f"team = {_text(team)}")
    if tags:
        lines.append(f"tags = [{', '.join(_text(tag) for tag in tags)}]")
    return "\n".join(lines) + "\n"


def _text(value: str) -> str:
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
