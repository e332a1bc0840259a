"""`entrepot keys`: keys for the gateway's clients, in the control store of this machine."""

from __future__ import annotations

import json
import secrets
import time
from pathlib import Path
from typing import Any

import click

from entrepot.cli.control_store import Opened, config_option, json_option, opened
from entrepot.cli.moments import read_moment, read_span, tell_moment
from entrepot.cli.tell_keys import show_once, tell, tell_all
from entrepot.control import keys as stored
from entrepot.control.in_force import names_in_file
from entrepot.control.scopes import check_scope_against
from entrepot.errors import Conflict
from entrepot.policy.scope import Scope
from entrepot.settings.client_key import ENTROPY_BYTES, make_key
from entrepot.settings.sample import render_key_table
from entrepot.settings.schema import KeySettings


@click.group()
def keys() -> None:
    """Keys that clients of the gateway present.

    Running gateways know of a change within a second.
    """


@keys.command()
@click.argument("name")
@click.option("--team", help="The team that the key belongs to.")
@click.option("--tag", "tags", multiple=True, help="A tag for rules and reports; may be given more than once.")
@click.option(
    "--data-class", "data_classes", multiple=True, help="A data class of all that it sends, such as personal."
)
@click.option("--region", metavar="CODE", help="The country of its clients (ISO 3166, such as CN).")
@click.option("--route", "routes", multiple=True, help="A route that it may ask for, or a pattern. None given: all.")
@click.option("--model", "models", multiple=True, help="A model that may answer it, or a pattern. None given: all.")
@click.option("--address", "addresses", multiple=True, help="A network from which it may be used, such as 10.0.0.0/8.")
@click.option("--request-tag", "request_tags", multiple=True, help="A tag that its requests may add. None given: all.")
@click.option(
    "--expires", "expires_s", callback=read_moment, metavar="WHEN", help="Until when: 2027-01-31, or 90d from now."
)
@click.option("--toml", is_flag=True, help="Change nothing: print the lines of entrepot.toml that admit it.")
@config_option
@json_option
def new(
    name: str,
    team: str | None,
    tags: tuple[str, ...],
    data_classes: tuple[str, ...],
    region: str | None,
    routes: tuple[str, ...],
    models: tuple[str, ...],
    addresses: tuple[str, ...],
    request_tags: tuple[str, ...],
    expires_s: float | None,
    toml: bool,
    config: Path | None,
    as_json: bool,
) -> None:
    """Make a key called NAME and print it once.

    What is kept is its SHA-256. A name is given once: reports and the ledger know the key by it.
    """
    for what, text in (("NAME", name), ("--team", team), *(("--tag", tag) for tag in tags)):
        if text is not None and not (text.strip() and text.isprintable()):
            raise click.BadParameter("must be a word or more, on one line", param_hint=what)
    scope = Scope(routes or None, models or None, request_tags or None, addresses or None)
    if toml:
        if scope != Scope() or expires_s is not None or data_classes or region:
            raise click.UsageError("--toml prints name, team and tags alone; write the rest beside them")
        _print_lines(name, team, tags, as_json)
        return
    with opened(config) as here:
        if here.settings is not None and name in names_in_file(here.settings):
            raise Conflict(f"{here.settings.source} has a key called '{name}': choose another name")
        check_scope_against(here.settings, scope)
        with here.change() as book:
            asked = stored.NewKey(name, team, tags, scope, expires_s, data_classes, region)
            key, text = stored.make(book, asked, secrets.token_bytes(ENTROPY_BYTES))
            _show_once(stored.describe(key, book.now_s), text, as_json)


@keys.command("list")
@config_option
@json_option
def list_keys(config: Path | None, as_json: bool) -> None:
    """List the keys of the control store, and those of entrepot.toml."""
    now_s = time.time()
    with opened(config) as here:
        kept = [{**stored.describe(key, now_s), "kept_in": "store"} for key in here.store.snapshot().keys]
        rows = [*kept, *_written(here, now_s)]
    headings = ("name", "begins", "state", "team", "tags", "confined to", "expires (UTC)", "kept in")
    tell_all(rows, headings, map(_cells, rows), "there are no keys: entrepot keys new NAME makes one", as_json)


@keys.command()
@click.argument("name")
@click.option(
    "--overlap",
    "overlap_s",
    callback=read_span,
    default="24h",
    show_default=True,
    help="How long the old text stays valid: 0s, 24h, 7d.",
)
@config_option
@json_option
def rotate(name: str, overlap_s: float, config: Path | None, as_json: bool) -> None:
    """Give the key NAME a new text and print it once; the old one stays valid for a while."""
    with opened(config) as here, here.change() as book:
        key, text = stored.rotate(book, name, overlap_s, secrets.token_bytes(ENTROPY_BYTES))
        _show_once(stored.describe(key, book.now_s), text, as_json)


@keys.command()
@click.argument("name")
@config_option
@json_option
def disable(name: str, config: Path | None, as_json: bool) -> None:
    """Let nobody in with the key NAME until it is enabled."""
    with opened(config) as here, here.change() as book:
        described = stored.describe(stored.disable(book, name), book.now_s)
    _tell(described, as_json)


@keys.command()
@click.argument("name")
@config_option
@json_option
def enable(name: str, config: Path | None, as_json: bool) -> None:
    """Let in again who has the key NAME."""
    with opened(config) as here, here.change() as book:
        described = stored.describe(stored.enable(book, name), book.now_s)
    _tell(described, as_json)


@keys.command()
@click.argument("name")
@click.option("--at", "at_s", callback=read_moment, metavar="WHEN", help="2027-01-31, or 90d from now. Default: now.")
@click.option("--never", is_flag=True, help="It is valid without end.")
@config_option
@json_option
def expire(name: str, at_s: float | None, never: bool, config: Path | None, as_json: bool) -> None:
    """Let the key NAME be valid until then, and no longer."""
    if never and at_s is not None:
        raise click.UsageError("give --at or --never")
    if not never and at_s is None:
        at_s = time.time()
    with opened(config) as here, here.change() as book:
        described = stored.describe(stored.expire(book, name, at_s), book.now_s)
    _tell(described, as_json)


@keys.command()
@click.argument("name")
@config_option
@json_option
def delete(name: str, config: Path | None, as_json: bool) -> None:
    """Delete the key NAME for ever; its name is not given again."""
    with opened(config) as here, here.change() as book:
        stored.delete(book, name)
    _tell({"name": name, "state": "deleted"}, as_json)


def _print_lines(name: str, team: str | None, tags: tuple[str, ...], as_json: bool) -> None:
    key = make_key(secrets.token_bytes(ENTROPY_BYTES))
    table = render_key_table(name, key.sha256, team, tags)
    if as_json:
        shown = {"name": name, "key": key.text, "sha256": key.sha256, "team": team, "tags": list(tags), "toml": table}
        click.echo(json.dumps(shown, ensure_ascii=False, indent=2))
        return
    click.echo("The key, shown this once; give it to who will use it:\n")
    click.echo(f"    {key.text}\n")
    click.echo("To admit it, add this to entrepot.toml:\n")
    click.echo(table, nl=False)


def _show_once(described: dict[str, Any], text: str, as_json: bool) -> None:
    show_once(described, text, "The key, shown this once; give it to who will use it:", "text", as_json)
    if not as_json:
        click.echo("It is in force: a running gateway knows it within a second.")


def _tell(described: dict[str, Any], as_json: bool) -> None:
    until = described.get("expires_s")
    end = f", until {tell_moment(until)} UTC" if until is not None and described["state"] == "active" else ""
    tell(described, f"{described['state']}{end}", as_json)


def _written(here: Opened, now_s: float) -> list[dict[str, Any]]:
    """The keys of the settings file, which only an editor changes."""
    settings = here.settings
    if settings is None:
        return []
    present = [_describe_written(key, now_s) for key in settings.keys]
    return [*present, *({"name": name, "state": "absent", "kept_in": "file"} for name in settings.absent_keys)]


def _describe_written(key: KeySettings, now_s: float) -> dict[str, Any]:
    return {
        "name": key.name,
        "state": "expired" if key.expires_s is not None and key.expires_s <= now_s else "active",
        "prefix": None,
        "team": key.team,
        "tags": list(key.tags),
        "scope": {name: getattr(key.scope, name) for name in key.scope.__struct_fields__},
        "expires_s": key.expires_s,
        "kept_in": "file",
    }


def _cells(row: dict[str, Any]) -> tuple[str, ...]:
    scope = {name: values for name, values in row.get("scope", {}).items() if values is not None}
    confined = "; ".join(f"{name} {', '.join(values) or 'none'}" for name, values in scope.items())
    return (
        row["name"],
        row.get("prefix") or "",
        row["state"],
        row.get("team") or "",
        ", ".join(row.get("tags", ())),
        confined,
        tell_moment(row.get("expires_s")),
        row["kept_in"],
    )
