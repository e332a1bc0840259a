"""References to secrets: `env:NAME` or `file:PATH`, never the secret itself.

Rules of this file: what is not a reference may be a secret, so it is never repeated. Values are read by
`upstream/credentials`.
"""

from __future__ import annotations

import re
from pathlib import Path

_ENV_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")

HOW_TO_REFER = (
    "write where the secret is found, env:NAME or file:PATH, never the secret itself "
    "(what stands there is not repeated here)"
)


def check_reference(text: str) -> str | None:
    """What is wrong with `text` as a reference to a secret, without repeating it; None if it is one."""
    kind, colon, rest = text.partition(":")
    if not colon or kind not in ("env", "file"):
        return HOW_TO_REFER
    if kind == "env" and not _ENV_NAME.fullmatch(rest):
        return "env: is followed by the name of an environment variable, in letters, digits and underscores"
    if kind == "file" and not rest.strip():
        return "file: is followed by the path of a file that holds the secret alone"
    return None


def anchor_reference(reference: str, directory: Path) -> str:
    """`reference` with the path of a `file:` made absolute, read from `directory`."""
    kind, _, rest = reference.partition(":")
    return f"file:{directory / Path(rest).expanduser()}" if kind == "file" else reference
