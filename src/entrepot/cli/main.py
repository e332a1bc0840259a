"""The command's root: groups register here; errors of ours become one line and an exit code."""

from __future__ import annotations

import sys

import click

from entrepot import __version__
from entrepot.cli.check import check
from entrepot.cli.init import init
from entrepot.cli.keys import keys
from entrepot.errors import EntrepotError


class _Group(click.Group):
    """Prints our own errors without a traceback; exit code 2 for a user's mistake, 1 for everything else of ours."""

    def invoke(self, ctx: click.Context) -> object:
        """Run the command; turn an EntrepotError into its message."""
        try:
            return super().invoke(ctx)
        except EntrepotError as error:
            click.echo(f"entrepot: {error.message}", err=True)
            sys.exit(2 if error.code == "misconfigured" else 1)


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="entrepot")
def main() -> None:
    """One address in front of every AI model, the right model for each request, and the proof."""


main.add_command(check)
main.add_command(init)
main.add_command(keys)
