"""Make a virtual environment, or say what has to be installed first. Run by make: `python3 tools/make_venv.py DIRECTORY`.

Rules of this file: only the standard library, and only what Python 3.6 can read, because it is an old Python that most
needs to be told what is wrong.
"""

import importlib.util
import os
import shutil
import subprocess
import sys

OLDEST = (3, 11)


def missing() -> str:
    """What keeps this Python from making a virtual environment, and what to do; empty if nothing does."""
    name = f"Python {sys.version_info[0]}.{sys.version_info[1]} ({sys.executable})"
    if sys.version_info < OLDEST:
        return (
            f"Entrepot needs Python {OLDEST[0]}.{OLDEST[1]} or later, and this is {name}.\n"
            "If a later one is installed, name it: make PYTHON=python3.12 ..."
        )
    if importlib.util.find_spec("venv") is None or importlib.util.find_spec("ensurepip") is None:
        versioned = f"python{sys.version_info[0]}.{sys.version_info[1]}-venv"
        return (
            f"{name} comes without its venv or pip (ensurepip) module. Install it, then run make again:\n"
            f"  Debian, Ubuntu   apt-get install python3-venv    (for a Python beside the system's: {versioned})\n"
            "  Fedora, RHEL     dnf install python3-pip\n"
            "  Alpine           apk add python3 py3-pip\n"
            "  macOS            brew install python3"
        )
    return ""


def main(directory: str) -> int:
    """Make `directory` anew. Returns the exit code."""
    complaint = missing()
    if complaint:
        sys.stderr.write(complaint + "\n")
        return 1
    sys.stdout.write(f"making {directory}\n")
    sys.stdout.flush()
    made = subprocess.call([sys.executable, "-m", "venv", "--clear", directory])  # noqa: S603 - our own argument list
    python = os.path.join(directory, "bin", "python")  # noqa: PTH118 - plain paths keep this readable to old Pythons
    if made != 0 or subprocess.call([python, "-m", "pip", "--version"], stdout=subprocess.DEVNULL) != 0:  # noqa: S603 - as above
        shutil.rmtree(directory, ignore_errors=True)
        sys.stderr.write(
            f"{sys.executable} -m venv {directory} did not leave an environment with pip in it; its message is above.\n"
            "On Debian or Ubuntu: apt-get install python3-venv. Otherwise name another Python: make PYTHON=... \n"
        )
        return 1
    return 0


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python3 tools/make_venv.py DIRECTORY")
    sys.exit(main(sys.argv[1]))
