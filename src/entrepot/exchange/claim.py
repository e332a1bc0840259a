"""Whether the model that an answer names is the one that was asked for.

Rules of this file: providers name a dated snapshot of what was asked, or ask for one and name its family; they put the maker
before a slash, or a region and the maker before a dot. None of these is a mismatch. A false alarm is worse than a model of the
same family passing for another, so one name may be the beginning of the other.
"""

from __future__ import annotations

import re
from functools import lru_cache

_SEPARATORS = "-_.:@/"
_PREFIX = re.compile(r"(?:(?:us|eu|apac|global|regional|jp|au|ca|us-gov)\.)?(?:[a-z0-9]+\.)(?=[a-z])")


@lru_cache(maxsize=4096)
def is_another_model(claimed: str | None, asked: str) -> bool:
    """Whether `claimed`, an answer's name for its model, is not `asked` nor a snapshot or alias of it. No name is no mismatch."""
    said, wanted = _bare(claimed or ""), _bare(asked)
    return bool(said) and bool(wanted) and not (_begins(said, wanted) or _begins(wanted, said))


def _bare(name: str) -> str:
    """Without who hosts or made it: `openai/`, `models/`, `accounts/…/models/`, `us.anthropic.`."""
    last = name.strip().casefold().rsplit("/", 1)[-1]
    return _PREFIX.sub("", last, count=1) if _PREFIX.match(last) else last


def _begins(name: str, beginning: str) -> bool:
    return name == beginning or (name.startswith(beginning) and name[len(beginning)] in _SEPARATORS)
