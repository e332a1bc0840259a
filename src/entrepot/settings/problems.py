"""What is wrong with entrepot.toml, all of it at once, each with its place and the right word.

Rules of this file: a message never repeats what may be a secret. The line is that of the key, or where the key is missing
that of the table which should hold it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from entrepot.errors import SettingsError
from entrepot.settings.lines import Path, line_of

_SHOWN_PROBLEMS = 20
_LIKELY_SECRET = re.compile(r"^(?:sk|ent|pk|rk|gsk|xai|hf|AIza|Bearer)[-_ A-Za-z0-9]{12,}|^\S{40,}$")


class Problems:
    """Collects what is wrong with one file; `raise_any` ends the loading if there is something."""

    def __init__(self, file: str, lines: Mapping[Path, int]) -> None:
        self.file = file
        self._lines = lines
        self._found: list[tuple[int, int, str]] = []

    def add(self, path: Path, what: str) -> None:
        """Note that `path` is wrong; `what` says how, and what to write instead."""
        line = line_of(self._lines, path)
        place = self.file if line is None else f"{self.file}, line {line}"
        where = f"{place}: {render_path(path)}" if path else place
        self._found.append((line or 0, len(self._found), f"{where}: {what}"))

    def __len__(self) -> int:
        return len(self._found)

    def raise_any(self) -> None:
        """Raise one SettingsError that lists every problem in the order of the file; return if there is none."""
        if not self._found:
            return
        messages = [message for _, _, message in sorted(self._found)]
        if len(messages) == 1:
            raise SettingsError(messages[0])
        shown = "\n".join(f"  {message}" for message in messages[:_SHOWN_PROBLEMS])
        rest = len(messages) - _SHOWN_PROBLEMS
        more = f"\n  and {rest} more" if rest > 0 else ""
        raise SettingsError(f"{self.file}: {len(messages)} problems\n{shown}{more}")


def render_path(path: Path) -> str:
    """A key path as a person would write it: `deployments[2].price`; names that TOML would quote are quoted."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
            continue
        name = part if re.fullmatch(r"[A-Za-z0-9_-]+", part) else f'"{part}"'
        text += f".{name}" if text else name
    return text


def quote(value: str) -> str:
    """`value` in quotes, unless it looks like a secret that was pasted into the wrong place."""
    if _LIKELY_SECRET.match(value):
        return f"a value of {len(value)} characters (not repeated here)"
    return f"'{value}'"
