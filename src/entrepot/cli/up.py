"""`entrepot up`: its options.

Rules of this file: it imports nothing that imports numpy, which reads the environment when it is.
"""

from __future__ import annotations

import os
from pathlib import Path

import click


@click.command()
@click.option("--config", type=click.Path(path_type=Path), help="The settings file. Default: entrepot.toml here.")
@click.option("--host", help="Listen on this address instead of the one in the settings.")
@click.option("--port", type=click.IntRange(0, 65535), help="Listen on this port; 0 takes a free one.")
@click.option("--processes", type=click.IntRange(1, 256), help="Number of gateway processes.")
@click.option("--simulate", is_flag=True, help="Serve stand-in providers on this machine: no API key, no network.")
def up(config: Path | None, host: str | None, port: int | None, processes: int | None, simulate: bool) -> None:
    """Start the gateway. Without entrepot.toml it serves what it finds: API keys in the environment, local model servers."""
    if simulate and config is not None:
        raise click.UsageError("--simulate brings settings of its own; leave --config away")
    given = {"host": host, "port": port, "processes": processes}
    # Before numpy is imported: small matrices gain nothing from a second thread, and a process that has one cannot be copied.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    from entrepot.cli.bringing_up import bring_up  # noqa: PLC0415 - see above

    bring_up(config, given, simulate)
