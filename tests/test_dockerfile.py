"""Tests of the Dockerfile without a container engine: what it says, and what it does, done here.

An image's promises are kept by the program: that it runs as nobody, with a root that cannot be written, and one place that can.
That is tried in a mount namespace of its own, where every file system is read-only but for that place.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path

import pytest
import yaml

from entrepot.settings.load import load_settings
from tests.end_to_end.world import eventually

PROJECT = Path(__file__).parent.parent
TEXT = (PROJECT / "Dockerfile").read_text(encoding="utf-8")
NOBODY = 65534


def instructions() -> list[tuple[str, str]]:
    """The instructions of the Dockerfile, lines joined, comments left out."""
    lines = "\n".join(line for line in TEXT.splitlines() if not line.startswith("#"))
    joined = re.sub(r"\\\n", " ", lines)
    return [
        (word, " ".join(rest.split()))
        for word, _, rest in (line.partition(" ") for line in joined.splitlines() if line)
    ]


def of(word: str) -> list[str]:
    return [rest for each, rest in instructions() if each == word]


def ignored(path: str) -> bool:
    """Whether .dockerignore keeps a path back; the last pattern that fits decides."""
    patterns = [line for line in (PROJECT / ".dockerignore").read_text().splitlines() if line and line[0] != "#"]
    back = False
    for pattern in patterns:
        kept = pattern.removeprefix("!").removeprefix("**/")
        if fnmatch(path, kept) or fnmatch(Path(path).name, kept) or path.startswith(f"{kept}/"):
            back = not pattern.startswith("!")
    return back


def test_a_linter_of_dockerfiles_finds_nothing() -> None:
    hadolint = shutil.which("hadolint", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    if hadolint is None:
        pytest.skip("hadolint is not installed")
    linted = subprocess.run(
        [hadolint, "--no-color", str(PROJECT / "Dockerfile")], capture_output=True, text=True, check=False
    )
    assert linted.stdout + linted.stderr == ""


def test_what_is_copied_is_there_and_is_all_that_the_engine_is_sent() -> None:
    sources = [each for rest in of("COPY") if not rest.startswith("--from") for each in rest.split()[:-1]]
    assert sources
    for source in sources:
        assert (PROJECT / source).exists(), source
        assert not ignored(source), source
    for private in ("entrepot.toml", "entrepot-data/ledger.db", ".git/config", "tests/conftest.py", "x.key"):
        assert ignored(private), private
    assert ignored("src/entrepot/__pycache__/app.cpython-313.pyc")


def test_it_runs_as_nobody_and_asks_itself_whether_it_lives() -> None:
    assert of("USER") == [f"{NOBODY}:{NOBODY}"]
    assert of("VOLUME") == ["/var/lib/entrepot"]
    assert json.loads(of("ENTRYPOINT")[0]) == ["entrepot"]
    (health,) = of("HEALTHCHECK")
    command = json.loads(health.partition("CMD ")[2])
    asked = subprocess.run([sys.executable, "-m", "entrepot", *command[1:], "--help"], capture_output=True, check=False)
    assert asked.returncode == 0


def test_every_package_comes_from_a_lock_but_for_extras_that_are_asked_for() -> None:
    installs = re.findall(r"pip install ([^&;|]*)", " ".join(of("RUN")))
    assert len(installs) == 4
    for install in installs:
        assert "--require-hashes" in install or "--no-index" in install or "$EXTRAS" in install


def test_the_composed_gateway_may_write_to_its_volume_alone() -> None:
    composed = yaml.safe_load((PROJECT / "examples" / "compose" / "compose.yaml").read_text(encoding="utf-8"))
    service = composed["services"]["entrepot"]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["user"] == f"{NOBODY}:{NOBODY}"
    assert (PROJECT / "examples" / "compose" / service["build"] / "Dockerfile").is_file()
    writable = [volume for volume in service["volumes"] if not volume.endswith(":ro")]
    assert [volume.split(":")[1] for volume in writable] == of("VOLUME")
    environ = dict.fromkeys(service["environment"], "made-up")
    settings = load_settings(PROJECT / "examples" / "compose" / "entrepot.toml", environ)
    assert settings.ledger.directory == of("VOLUME")[0]
    assert settings.warnings == ()
    assert settings.gateway.grace_s < int(service["stop_grace_period"].removesuffix("s"))


CONTAINED = """
set -e
if [ -n "$CLOSED" ]; then  # nobody may not enter the folder that this Python is in: show it again, with nothing beside it
  mkdir "$HIDDEN"
  mount --bind "$PREFIX" "$HIDDEN"
  mount -t tmpfs -o mode=0755 tmpfs "$CLOSED"
  mkdir -p "$PREFIX"
  mount --bind "$HIDDEN" "$PREFIX"
fi
mount -t tmpfs -o mode=0750,uid=65534,gid=65534 tmpfs "$DATA"
mount -o remount,bind,ro / / 2>/dev/null || mount -o remount,ro /
awk '$2 != "/" && $2 !~ "^/(proc|sys|dev)" && $4 !~ "(^|,)ro(,|$)" {print $2}' /proc/self/mounts | while read -r place; do
  [ "$place" = "$DATA" ] || mount -o remount,bind,ro "$place" 2>/dev/null || true
done
if touch "$OUTSIDE" 2>/dev/null; then echo "the root can be written" >&2; exit 99; fi
cd /
exec setpriv --reuid=65534 --regid=65534 --clear-groups --no-new-privs --bounding-set=-all env -i \
  PATH="$PATH" PYTHONPATH="$PYTHONPATH" $IMAGE DEEPSEEK_API_KEY=made-up ENTREPOT_KEY=ent-made-up "$PYTHON" "$@"
"""

SPILLS = """
import sys, tempfile
from entrepot.ledger.sqlite import open_sqlite
with open_sqlite(sys.argv[1]) as store, tempfile.TemporaryFile():
    many = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 60000) "
    print(store._query(many + "SELECT count(*) FROM (SELECT hex(randomblob(400)) b FROM n ORDER BY b LIMIT 59999)"))
"""
"""Sorts 48 MB, three times what the ledger keeps of a file in memory, and takes a file as a command of the operator's does."""


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that every user may enter, which pytest's own are not."""
    with tempfile.TemporaryDirectory(prefix="entrepot-image-") as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


@pytest.mark.end_to_end
def test_it_serves_as_nobody_with_a_root_that_cannot_be_written(open_folder: Path) -> None:
    data, config = open_folder / "data", open_folder / "entrepot.toml"
    data.mkdir()
    port = free_port()
    config.write_text(
        f"[gateway]\nport = {port}\n[control]\nport = 0\n[ledger]\ndirectory = {str(data)!r}\n"
        "[[keys]]\nname = 'clients'\nsecret = 'env:ENTREPOT_KEY'\n"
        "[[deployments]]\nprovider = 'deepseek'\nmodel = 'deepseek-v4.1-flash'\n",
        encoding="utf-8",
    )
    config.chmod(0o644)
    contained = contain(open_folder, "-m", "entrepot", "up")
    try:
        asked = [sys.executable, "-m", "entrepot", "health", "--config", str(config)]

        def lives() -> bool:
            keys = {**os.environ, "DEEPSEEK_API_KEY": "made-up", "ENTREPOT_KEY": "ent-made-up"}
            answered = subprocess.run(asked, capture_output=True, check=False, env=keys).returncode == 0
            return answered or contained.poll() is not None

        assert eventually(lives, 60)
        assert contained.poll() is None, contained.communicate()[1]
        assert Path(f"/proc/{contained.pid}").stat().st_uid == NOBODY
    finally:
        contained.send_signal(signal.SIGTERM)
        said = contained.communicate(timeout=60)[1]
    assert contained.returncode == 0, said
    assert "Traceback" not in said


@pytest.mark.end_to_end
def test_what_is_too_large_for_memory_goes_to_the_volume(open_folder: Path) -> None:
    (open_folder / "data").mkdir()
    contained = contain(open_folder, "-c", SPILLS, str(open_folder / "data"))
    said, wrong = contained.communicate(timeout=120)
    assert (said, wrong) == ("[(59999,)]\n", "")


def contain(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    """A Python as it would run in the image, its volume at `data` in the folder and its settings beside it."""
    if os.geteuid() != 0 or shutil.which("setpriv") is None or shutil.which("unshare") is None:
        pytest.skip("no container can be imitated: it takes root, unshare and setpriv")
    data, (volume,) = folder / "data", of("VOLUME")
    image = dict(pair.split("=", 1) for pair in of("ENV")[0].split())
    image.pop("PATH")
    image["ENTREPOT_CONFIG"] = str(folder / "entrepot.toml")
    environ = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": os.environ.get("PYTHONPATH", ""),
        "PYTHON": sys.executable,
        "DATA": str(data),
        "IMAGE": " ".join(f"{name}={value.replace(volume, str(data))}" for name, value in image.items()),
        "OUTSIDE": str(folder / "outside"),
        "PREFIX": sys.base_prefix,
        "CLOSED": closed_folder(Path(sys.base_prefix)),
        "HIDDEN": str(folder / "python"),
    }
    return subprocess.Popen(
        ["unshare", "--mount", "--propagation", "private", "sh", "-c", CONTAINED, "contained", *arguments],
        env=environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def closed_folder(path: Path) -> str:
    """The first folder on the way to `path` that others may not enter; empty if there is none."""
    return next((str(folder) for folder in reversed(path.parents) if not folder.stat().st_mode & 1), "")


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])
