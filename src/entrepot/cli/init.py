"""`entrepot init`: a commented entrepot.toml to start from."""

from __future__ import annotations

import secrets
import shlex
from pathlib import Path
from typing import cast

import click

from entrepot.errors import SettingsError
from entrepot.settings.json_schema import SCHEMA_NAME, read_shipped_schema
from entrepot.settings.load import FILE_NAME
from entrepot.settings.sample import USES, Use, render_sample


@click.command()
@click.option("--for", "use", type=click.Choice(USES), default="hybrid", show_default=True, help="What it is for.")
@click.option("--path", type=click.Path(path_type=Path), default=Path(FILE_NAME), show_default=True, help="Where to.")
@click.option("--force", is_flag=True, help="Replace a file that is there.")
def init(use: str, path: Path, force: bool) -> None:
    r"""Write a commented settings file to start from.

    Beside it goes the JSON Schema that lets an editor help.

    \b
    internal-tools  documents, data analysis and internal search;
                    what is confidential stays on your machines
    side-business   features beside the core, cheap experiments,
                    services of one region
    hybrid          everything routed, frontier models for what is hard
    """
    if path.is_dir():
        path /= FILE_NAME
    if path.name == SCHEMA_NAME:
        raise click.UsageError(f"{SCHEMA_NAME} is what the schema beside the settings is called; name another file")
    sample = render_sample(cast("Use", use), secrets.token_bytes)
    try:
        with path.open("w" if force else "x", encoding="utf-8") as file:
            file.write(sample.document)
        path.with_name(SCHEMA_NAME).write_text(read_shipped_schema(), encoding="utf-8")
    except FileExistsError as error:
        raise SettingsError(f"{path} is there already; name another with --path, or replace it with --force") from error
    except OSError as error:
        raise SettingsError(f"{path} cannot be written: {error.strerror}") from error
    click.echo(f"Wrote {path} (and {SCHEMA_NAME} beside it, for editors). Its keys, shown this once:\n")
    for name, text in sample.keys.items():
        click.echo(f"    {name}: {text}")
    click.echo("\nNext: put the providers' keys into the environment, then")
    config = "" if path == Path(FILE_NAME) else f" --config {shlex.quote(str(path))}"
    click.echo(f"    entrepot check{config}\n    entrepot up{config}")
