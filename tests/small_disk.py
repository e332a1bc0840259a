"""A file system of a megabyte or two, for tests of full disks."""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest


@contextlib.contextmanager
def small_disk(place: Path, size_kb: int) -> Iterator[Path]:
    """A file system of this size at `place`; the test skips where none can be mounted."""
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={size_kb}k", "tmpfs", str(place)]
    try:
        mounted = subprocess.run(command, capture_output=True, check=False).returncode == 0
    except OSError:
        mounted = False
    if not mounted:
        pytest.skip("no small file system can be mounted")
    try:
        yield place
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True)


@contextlib.contextmanager
def failing_disk(place: Path, image: Path, size_mb: int) -> Iterator[Callable[[], None]]:
    """A file system of its own at `place`, and what makes it read-only from one moment to the next, as a kernel does whose
    disk fails: what is open for writing stays open, and no write succeeds any more. Skips where none can be mounted.
    """
    place.mkdir()
    image.write_bytes(b"")
    os.truncate(image, size_mb * 1024 * 1024)
    commands = (["mkfs.ext4", "-q", "-F", str(image)], ["mount", "-o", "loop", str(image), str(place)])
    try:
        mounted = all(subprocess.run(one, capture_output=True, check=False).returncode == 0 for one in commands)
    except OSError:
        mounted = False
    if not mounted:
        pytest.skip("no small file system can be mounted")

    def fail() -> None:
        subprocess.run(
            ["sync", "-f", str(place)], check=True
        )  # what is mapped into memory is clean, and faults when written
        subprocess.run(["mount", "-o", "remount,abort", str(place)], check=True, capture_output=True)

    try:
        yield fail
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True)


def fill(place: Path) -> Path:
    """A file that leaves no room on the file system of `place`."""
    ballast = place / "ballast"
    with contextlib.suppress(OSError), ballast.open("wb", buffering=0) as file:
        while True:
            file.write(bytes(4096))
    assert os.statvfs(place).f_bavail == 0
    return ballast
