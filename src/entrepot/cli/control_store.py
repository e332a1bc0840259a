"""The control store of the installation that a command is typed for."""

from __future__ import annotations

import contextlib
import os
import pwd
import time
from collections.abc import Iterator
from pathlib import Path

import click
import msgspec

from entrepot.control.place import ControlPlace, control_place
from entrepot.control.store import Actor, ControlStore, Transaction
from entrepot.settings.discover import data_directory
from entrepot.settings.load import find_settings_file, load_settings
from entrepot.settings.schema import Settings

config_option = click.option(
    "--config", type=click.Path(path_type=Path), help="The settings file. Default: entrepot.toml here."
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


class Opened(msgspec.Struct, frozen=True, eq=False):
    """A store, and the settings of the file; without a file the store is that of the data directory."""

    store: ControlStore
    settings: Settings | None

    def change(self) -> contextlib.AbstractContextManager[Transaction]:
        """A change by whoever typed the command."""
        return self.store.change(command_line(), time.time_ns())


@contextlib.contextmanager
def opened(config: Path | None) -> Iterator[Opened]:
    """The store for as long as the block lasts."""
    path = find_settings_file(config, os.environ, Path.cwd())
    settings = None if path is None else load_settings(path, os.environ)
    place = ControlPlace(data_directory(os.environ)) if settings is None else control_place(settings, os.environ)
    place.make()
    with place.open_store() as store:
        yield Opened(store, settings)


def command_line() -> Actor:
    """Whoever typed the command."""
    return Actor(_who(), "command line")


def _who() -> str:
    """The user of the machine; not as $USER has it, which anybody may set."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:  # a container may run as a number that is nobody's
        return f"uid {os.getuid()}"
