"""The command's root: one file a command group, loaded when it is called; errors of ours become one line and an exit code.

Exit codes: 0 done · 1 it failed · 2 the settings, the data or the command line are wrong · 3 checked, and not all is well.
"""

from __future__ import annotations

import errno
import importlib
import io
import sys

import click

from entrepot import __version__
from entrepot.errors import EntrepotError, OperatorError

# In the order of `entrepot --help`. A command is imported when it is called, so that `up` starts fast.
_COMMANDS = {
    "up": "entrepot.cli.up:up",
    "demo": "entrepot.cli.demo:demo",
    "init": "entrepot.cli.init:init",
    "check": "entrepot.cli.check:check",
    "health": "entrepot.cli.health:health",
    "models": "entrepot.cli.models:models",
    "explain": "entrepot.cli.explain:explain",
    "policy": "entrepot.cli.policy:policy",
    "keys": "entrepot.cli.keys:keys",
    "members": "entrepot.cli.members:members",
    "audit": "entrepot.cli.audit:audit",
    "collect": "entrepot.cli.collect:collect_command",
    "outcomes": "entrepot.cli.outcomes:outcomes",
    "trial": "entrepot.cli.trial:trial",
    "router": "entrepot.cli.router:router",
    "train": "entrepot.cli.train:train_command",
    "evaluate": "entrepot.cli.evaluate:evaluate_command",
    "report": "entrepot.cli.report:report",
    "scenario": "entrepot.cli.scenario:scenario",
    "budgets": "entrepot.cli.budgets:budgets",
    "ledger": "entrepot.cli.ledger:ledger",
}


class _Group(click.Group):
    """Loads commands by name; prints our own errors without a traceback."""

    def list_commands(self, _ctx: click.Context) -> list[str]:
        """Every command, in the order in which people meet them."""
        return list(_COMMANDS)

    def get_command(self, _ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of this name, imported now."""
        place = _COMMANDS.get(cmd_name)
        if place is None:
            return None
        module, _, name = place.partition(":")
        command: click.Command = getattr(importlib.import_module(module), name)
        return command

    def invoke(self, ctx: click.Context) -> object:
        """Run the command; turn an EntrepotError, and what the system refuses, into a message."""
        try:
            return super().invoke(ctx)
        except EntrepotError as error:
            click.echo(f"entrepot: {error.message}", err=True)
            sys.exit(2 if isinstance(error, OperatorError) else 1)
        except OSError as error:
            if error.errno == errno.EPIPE:
                raise  # whoever read our output has seen enough: click ends quietly
            where = f"{error.filename}: " if error.filename else ""
            click.echo(f"entrepot: {where}{error.strerror or error}", err=True)
            sys.exit(1)


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="entrepot")
def main() -> None:
    """One address in front of every AI model, the right model for each request, and the proof."""
    for stream in (sys.stdout, sys.stderr):
        # A name in any script is shown in some form also where the terminal's encoding has no letters for it.
        if isinstance(stream, io.TextIOWrapper) and stream.errors == "strict":
            stream.reconfigure(errors="backslashreplace")
