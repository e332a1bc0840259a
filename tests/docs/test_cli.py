"""Tests of docs/reference/cli.md: every command, option and exit code is there, and no other."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from entrepot.cli import main as root

PAGE = (Path(__file__).parents[2] / "docs" / "reference" / "cli.md").read_text(encoding="utf-8")


def leaves(command: click.Command, path: tuple[str, ...] = ()) -> Iterator[tuple[str, click.Command]]:
    """Every command that does something, with its words."""
    if not isinstance(command, click.Group):
        yield " ".join(path), command
        return
    context = click.Context(command)
    for name in command.list_commands(context):
        below = command.get_command(context, name)
        assert below is not None
        yield from leaves(below, (*path, name))


COMMANDS = dict(leaves(root.main))


def test_every_command_has_a_section_and_no_other_does() -> None:
    assert re.findall(r"^## entrepot (.+)$", PAGE, re.MULTILINE) == list(COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_is_documented_and_no_other(name: str) -> None:
    section = PAGE.split(f"\n## entrepot {name}\n", 1)[1].split("\n## ", 1)[0]
    options = [one.opts[0] for one in COMMANDS[name].params if isinstance(one, click.Option)]
    assert sorted(re.findall(r"^\| `(--[\w-]+)` \|", section, re.MULTILINE)) == sorted(options)


def test_every_exit_code_is_documented() -> None:
    said = (root.__doc__ or "").split("Exit codes: ")[1]
    assert re.findall(r"^\| (\d) \| ([^:|]+?)(?::.*)? \|$", PAGE, re.MULTILINE) == re.findall(
        r"(\d) ([^·.]+?)(?= ·|\.)", said
    )


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_and_each_of_its_options_say_what_they_are(name: str) -> None:
    command = COMMANDS[name]
    assert command.help
    assert [one.name for one in command.params if isinstance(one, click.Option) and not one.help] == []


def test_help_shows_the_first_sentence_of_every_command_whole() -> None:
    context = click.Context(root.main, max_content_width=80, terminal_width=80)
    assert "..." not in root.main.get_help(context).split("Commands:")[1]
