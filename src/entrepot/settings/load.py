"""entrepot.toml to Settings, strictly: find it, read it, conform it, resolve it.

Rules of this file: every mistake of the file is a SettingsError that names file, line, key path, what is wrong and the
nearest right word; where several can be told apart, all are told at once. A secret that is not there yet is no mistake of
the file (`entrepot check` reports it); a secret written into the file is.
"""

from __future__ import annotations

import datetime
import re
import tomllib
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

from entrepot.catalog.load import load_catalog
from entrepot.catalog.lookup import Catalog
from entrepot.errors import SettingsError
from entrepot.settings.conform import conform
from entrepot.settings.file import SettingsFile
from entrepot.settings.lines import Path as KeyPath
from entrepot.settings.lines import find_lines
from entrepot.settings.problems import Problems
from entrepot.settings.resolve import resolve
from entrepot.settings.schema import Settings
from entrepot.settings.surroundings import Surroundings

FILE_NAME = "entrepot.toml"
FILE_VARIABLE = "ENTREPOT_CONFIG"


def find_settings_file(named: Path | None, environ: Mapping[str, str], working_directory: Path) -> Path | None:
    """The settings file: the one `named`, the one $ENTREPOT_CONFIG names, entrepot.toml here; None if there is none.

    One that is named but is not there is an error, not a reason to go on looking.
    """
    if named is None and environ.get(FILE_VARIABLE):
        named = Path(environ[FILE_VARIABLE]).expanduser()
    if named is not None:
        return working_directory / named
    here = working_directory / FILE_NAME
    return here if here.is_file() else None


def load_settings(path: Path, environ: Mapping[str, str], *, catalog: Catalog | None = None) -> Settings:
    """The settings that the file at `path` says. Raises SettingsError with everything that is wrong with it."""
    path = path.absolute()
    document = read_document(path)
    parsed, lines = parse_document(document, path.name)
    problems = Problems(path.name, lines)
    file = conform(parsed, SettingsFile, (), problems)
    problems.raise_any()
    if file is None:  # conform notes a problem whenever it returns None
        raise SettingsError(f"{path.name}: cannot be read as settings")
    surroundings = Surroundings(
        catalog=load_catalog() if catalog is None else catalog,
        environ=environ,
        directory=path.parent,
        source=str(path),
        changed_on=changed_on(path),
    )
    settings = resolve(file, surroundings, problems)
    problems.raise_any()
    return settings


def read_document(path: Path) -> str:
    """The text of a TOML file. Raises SettingsError where it cannot be read."""
    try:
        return path.read_bytes().decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise SettingsError(f"{path.name}, line {line}: not UTF-8; save the file in that encoding") from error
    except OSError as error:
        reason = error.strerror or "no such file"
        raise SettingsError(f"{path}: {reason}; name another file, or write one with: entrepot init") from error


def parse_document(document: str, file: str) -> tuple[dict[str, Any], dict[KeyPath, int]]:
    """What the document says, and on which line."""
    try:
        return tomllib.loads(document, parse_float=Decimal), find_lines(document)
    except tomllib.TOMLDecodeError as error:
        found = re.fullmatch(r"(.*) \(at (?:line (\d+), column (\d+)|end of document)\)", str(error), re.DOTALL)
        if found is None:
            raise SettingsError(f"{file}: not TOML: {error}") from error
        line = found[2] or document.count("\n") + 1
        column = found[3] or len(document.rsplit("\n", 1)[-1]) + 1
        raise SettingsError(f"{file}, line {line}, column {column}: not TOML: {_lower_first(found[1])}") from error
    except (ArithmeticError, RecursionError, ValueError) as error:
        raise SettingsError(f"{file}: a number in it is too large, or a list nested too deep, to be read") from error


def _lower_first(text: str) -> str:
    return text[:1].lower() + text[1:]


def changed_on(path: Path) -> str:
    """The day on which a file last changed, in UTC."""
    return datetime.datetime.fromtimestamp(path.stat().st_mtime, tz=datetime.UTC).date().isoformat()
