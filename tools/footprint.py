"""Install the core from its lock file and the built wheel into a fresh environment, and measure it against its limits.

Counted are distributions and the disk that they take (blocks, as `du` counts), without pip and setuptools, which the
environment itself brings. Run by `make footprint` after the wheel is built.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

PACKAGES_LIMIT = 25
MEGABYTES_LIMIT = 130
BROUGHT_BY_VENV = {"pip", "setuptools"}
PROJECT = Path(__file__).parent.parent


def main() -> int:
    """Print what was measured. Returns 1 if it is over a limit, or if there is not exactly one wheel in dist/."""
    wheels = sorted((PROJECT / "dist").glob("entrepot-*.whl"))
    if len(wheels) != 1:
        sys.stderr.write(f"dist/ holds {len(wheels)} wheels of entrepot instead of one; run: make build\n")
        return 1
    with tempfile.TemporaryDirectory(prefix="entrepot-footprint-") as directory:
        venv.create(directory, with_pip=True)
        before = _disk_bytes(Path(directory))
        python = str(Path(directory) / "bin" / "python")
        install = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        locked = str(PROJECT / "requirements" / "core.lock")
        _run([*install, "--require-hashes", "--only-binary", ":all:", "-r", locked])
        _run([*install, "--no-index", "--no-deps", str(wheels[0])])
        listed = json.loads(_run([python, "-m", "pip", "list", "--format", "json", "--disable-pip-version-check"]))
        megabytes = (_disk_bytes(Path(directory)) - before) / 1e6
    names = sorted(entry["name"] for entry in listed if entry["name"] not in BROUGHT_BY_VENV)
    sys.stdout.write(
        f"core install: {len(names)} packages (limit {PACKAGES_LIMIT}), "
        f"{megabytes:.1f} MB (limit {MEGABYTES_LIMIT}): {', '.join(names)}\n"
    )
    return 0 if len(names) <= PACKAGES_LIMIT and megabytes <= MEGABYTES_LIMIT else 1


def _run(command: list[str]) -> str:
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout  # noqa: S603 - our own arguments


def _disk_bytes(directory: Path) -> int:
    """Bytes on disk below `directory`; POSIX counts blocks of 512 bytes whatever the file system's own are."""
    return sum(file.lstat().st_blocks * 512 for file in directory.rglob("*"))


if __name__ == "__main__":
    sys.exit(main())
