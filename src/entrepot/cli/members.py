"""`entrepot members`: the people of the control plane, on the machine itself."""

from __future__ import annotations

import secrets
import time
from pathlib import Path
from typing import Any

import click

from entrepot.cli.control_store import config_option, json_option, opened
from entrepot.cli.moments import read_span
from entrepot.cli.tell_keys import show_once, tell, tell_all
from entrepot.control import members as stored
from entrepot.control.objects import Role
from entrepot.settings.client_key import ENTROPY_BYTES


@click.group()
def members() -> None:
    """People who may use the admin API, and their keys."""


@members.command()
@click.argument("name")
@click.option(
    "--role", type=click.Choice(["admin", "operator", "viewer"]), required=True, help="What they may do at all."
)
@click.option("--team", "teams", multiple=True, help="A team that they are in; may be given more than once.")
@click.option("--confined", is_flag=True, help="They act on their teams, and those below, and on nothing else.")
@config_option
@json_option
def new(name: str, role: Role, teams: tuple[str, ...], confined: bool, config: Path | None, as_json: bool) -> None:
    """Make a member called NAME and print their key once."""
    with opened(config) as here, here.change() as book:
        asked = stored.NewMember(name, role, teams, confined)
        member, text = stored.make(book, asked, secrets.token_bytes(ENTROPY_BYTES))
        _show_once(stored.describe(member, book.now_s), text, as_json)


@members.command("list")
@config_option
@json_option
def list_members(config: Path | None, as_json: bool) -> None:
    """List the members."""
    now_s = time.time()
    with opened(config) as here:
        rows = [stored.describe(member, now_s) for member in here.store.snapshot().members]
    headings = ("name", "key begins", "role", "teams", "confined", "disabled")
    none = "there are no members: entrepot members new NAME --role admin makes one"
    tell_all(rows, headings, map(_cells, rows), none, as_json)


@members.command()
@click.argument("name")
@click.option(
    "--overlap",
    "overlap_s",
    callback=read_span,
    default="0s",
    show_default=True,
    help="How long the old key stays valid.",
)
@config_option
@json_option
def rotate(name: str, overlap_s: float, config: Path | None, as_json: bool) -> None:
    """Give the member NAME a new key and print it once; sessions that the old one opened end with it."""
    with opened(config) as here, here.change() as book:
        member, text = stored.rotate(book, name, overlap_s, secrets.token_bytes(ENTROPY_BYTES))
        _show_once(stored.describe(member, book.now_s), text, as_json)


@members.command()
@click.argument("name")
@config_option
@json_option
def disable(name: str, config: Path | None, as_json: bool) -> None:
    """Let the member NAME in no more; their sessions end."""
    _set_disabled(name, config, as_json, disabled=True)


@members.command()
@click.argument("name")
@config_option
@json_option
def enable(name: str, config: Path | None, as_json: bool) -> None:
    """Let the member NAME in again."""
    _set_disabled(name, config, as_json, disabled=False)


@members.command()
@click.argument("name")
@config_option
@json_option
def delete(name: str, config: Path | None, as_json: bool) -> None:
    """Delete the member NAME for ever; the last admin cannot be."""
    with opened(config) as here, here.change() as book:
        stored.delete(book, name)
    tell({"name": name, "deleted": True}, "deleted", as_json)


def _set_disabled(name: str, config: Path | None, as_json: bool, *, disabled: bool) -> None:
    with opened(config) as here, here.change() as book:
        described = stored.describe(stored.change(book, name, disabled=disabled), book.now_s)
    tell(described, "disabled" if disabled else "enabled", as_json)


def _show_once(described: dict[str, Any], text: str, as_json: bool) -> None:
    heading = f"The key of {described['name']} ({described['role']}), shown this once:"
    show_once(described, text, heading, "key", as_json)


def _cells(row: dict[str, Any]) -> tuple[str, ...]:
    yes = ["yes" if row[name] else "" for name in ("confined", "disabled")]
    return (row["name"], row["prefix"], row["role"], ", ".join(row["teams"]), *yes)
