"""`entrepot keys`: keys for the gateway's clients."""

from __future__ import annotations

import json
import secrets

import click

from entrepot.settings.client_key import ENTROPY_BYTES, make_key
from entrepot.settings.sample import render_key_table


@click.group()
def keys() -> None:
    """Keys that clients of the gateway present."""


@keys.command()
@click.argument("name")
@click.option("--team", help="The team that the key belongs to.")
@click.option("--tag", "tags", multiple=True, help="A tag for rules and reports; may be given more than once.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def new(name: str, team: str | None, tags: tuple[str, ...], as_json: bool) -> None:
    """Make a key called NAME and print it once.

    It comes with the lines of entrepot.toml that admit it. Nothing is written. The lines hold only the SHA-256 of the key,
    so the file may be kept with other code.
    """
    for what, text in (("NAME", name), ("--team", team), *(("--tag", tag) for tag in tags)):
        if text is not None and not (text.strip() and text.isprintable()):
            raise click.BadParameter("must be a word or more, on one line", param_hint=what)
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
