"""References to secrets: `env:NAME` or `file:PATH`, never the secret itself.

Rules of this file: the text of a secret is returned to the caller that needs it and goes nowhere else: no message, no repr
and no cache holds it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from entrepot.errors import SettingsError

_ENV_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_MAX_SECRET_BYTES = 16_384

HOW_TO_REFER = "write where the secret is found, env:NAME or file:PATH, never the secret itself (what stands there is not repeated here)"


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


def read_secret(reference: str, environ: Mapping[str, str]) -> str:
    """The secret that `reference` names. Raises SettingsError, saying what to do, if it is not there or is empty."""
    kind, _, rest = reference.partition(":")
    text = environ.get(rest, "").strip() if kind == "env" else _read_file(rest)
    if not text:
        missing = f"environment variable {rest} is not set" if kind == "env" else f"{rest} is empty"
        raise SettingsError(f"{missing}; put the key there")
    return text


def _read_file(path: str) -> str:
    try:
        with Path(path).open("rb") as file:
            data = file.read(_MAX_SECRET_BYTES + 1)
        if len(data) > _MAX_SECRET_BYTES:
            raise SettingsError(f"{path} is too long to hold a key alone")
        return data.decode("utf-8").strip()
    except OSError as error:
        raise SettingsError(f"{path} cannot be read ({error.strerror or 'no such file'}); put the key there") from error
    except UnicodeDecodeError as error:
        raise SettingsError(f"{path} does not hold text; put the key there, alone") from error
