"""Fenced blocks, headings and links of a Markdown text."""

from __future__ import annotations

import re
from typing import NamedTuple

_FENCE = re.compile(r"^```(\w*)[^\n]*\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")


class Fence(NamedTuple):
    """A fenced block: its language and its text."""

    language: str
    text: str


def find_fences(markdown: str) -> list[Fence]:
    """Every fenced block, in order."""
    return [Fence(match[1], match[2]) for match in _FENCE.finditer(markdown)]


def find_commands(markdown: str) -> list[str]:
    """Every command line of `sh` blocks, and of `console` blocks, in which a command follows `$ `."""
    commands = []
    for fence in find_fences(markdown):
        lines = [line.split(" #")[0].strip() for line in fence.text.splitlines()]
        if fence.language == "sh":
            commands += [line for line in lines if line and not line.startswith("#")]
        elif fence.language == "console":
            commands += [line.removeprefix("$ ") for line in lines if line.startswith("$ ")]
    return commands


def find_headings(markdown: str) -> list[int]:
    """The level of every heading, in order."""
    prose = _FENCE.sub("", markdown)
    return [len(match[1]) for match in re.finditer(r"^(#+) ", prose, re.MULTILINE)]


def find_local_links(markdown: str) -> list[str]:
    """Every link that leads to a file, without the part after `#`."""
    found = _LINK.findall(_FENCE.sub("", markdown))
    return [link.split("#")[0] for link in found if "://" not in link and not link.startswith("#")]
