"""The stand-ins' own tokenizer: simple, deterministic, and the same in every process.

Rules of this file: a token is up to five ASCII letters, or up to three digits, or one other character that is not white
space (so one token per Chinese character); white space belongs to the token after it, and at the very end to a token of
its own. The tokens of a text, joined, are the text. It is no model's tokenizer and does not pretend to be: books and
usage reports of the stand-ins are in these tokens unless a recorded answer brings its own counts.
"""

from __future__ import annotations

import re

_TOKEN = re.compile(r"\s*(?:[A-Za-z]{1,5}|[0-9]{1,3}|[^\sA-Za-z0-9])|\s+\Z")


def split_tokens(text: str) -> list[str]:
    """The tokens of `text`, in order; joined they are `text` again."""
    return _TOKEN.findall(text)


def count_tokens(text: str) -> int:
    """How many tokens `text` is."""
    return len(split_tokens(text))
