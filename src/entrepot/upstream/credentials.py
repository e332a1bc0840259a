"""Secrets, read by reference at the moment they are sent.

Rules of this file: a value never appears in a message, a repr or a log. `env:NAME` is looked up in the environment that
was passed in; `file:PATH` is read again whenever the file changes, so that a rotated key needs no restart.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path

from entrepot.catalog.schema import Deployment
from entrepot.dialects.base import HeaderPairs
from entrepot.errors import SettingsError

MAX_FILE_BYTES = 64 * 1024

_VALUE = re.compile(r"[\x21-\x7e]+")
_HEADER_NAMES = {"x-api-key": b"x-api-key", "x-goog-api-key": b"x-goog-api-key", "api-key": b"api-key"}

_Stamp = tuple[int, int, int]


class Credentials:
    """Resolves references of secrets, and turns them into the headers that providers want."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = dict(environ)  # of this moment: `os.environ` itself takes its names apart at every look-up
        self._checked: dict[str, str] = {}
        self._files: dict[str, tuple[_Stamp, str]] = {}

    def headers(self, deployment: Deployment) -> HeaderPairs:
        """The credential headers of a deployment; none where it has no secret.

        Raises `SettingsError`: the secret is missing or cannot stand in a header, or the form is not known.
        """
        if deployment.auth == "none" or deployment.secret is None:
            return ()
        value = self.read(deployment.secret).encode("ascii")
        if deployment.auth == "bearer":
            return ((b"authorization", b"Bearer " + value),)
        name = _HEADER_NAMES.get(deployment.auth)
        if name is None:
            known = ", ".join(("bearer", *_HEADER_NAMES, "none"))
            raise SettingsError(f"deployment {deployment.id!r} has auth {deployment.auth!r}; it must be one of {known}")
        return ((name, value),)

    def read(self, reference: str) -> str:
        """The value behind `env:NAME` or `file:PATH`, without surrounding white space.

        Raises `SettingsError`: there is none, or it cannot stand in a header; the message names the reference.
        """
        known = self._checked.get(reference)
        if known is not None:
            return known
        kind, _, name = reference.partition(":")
        if kind == "env" and name:
            value = self._environ.get(name, "").strip()
        elif kind == "file" and name:
            value = self._read_file(name)
        else:
            # what stands here may be a key that was pasted in place of its reference: do not repeat it
            raise SettingsError("a secret must be given by reference, as env:NAME or file:PATH")
        if not value:
            what = "the variable is not set" if kind == "env" else "the file is empty"
            raise SettingsError(f"secret {reference} has no value: {what}")
        if kind == "env":
            self._checked[reference] = _check(value, reference)
        return value

    def _read_file(self, path: str) -> str:
        try:
            status = os.stat(path)  # noqa: PTH116 - on the way of every request, and Path.stat costs twice as much
            stamp = (status.st_mtime_ns, status.st_size, status.st_ino)
            known = self._files.get(path)
            if known is not None and known[0] == stamp:
                return known[1]
            if status.st_size > MAX_FILE_BYTES:
                raise SettingsError(f"secret file:{path} is larger than {MAX_FILE_BYTES} bytes; it must hold one key")
            text = Path(path).read_text(encoding="utf-8").strip()
        except OSError as error:
            raise SettingsError(f"secret file:{path} cannot be read: {error.strerror}") from error
        except UnicodeDecodeError:
            # the cause would carry the file's bytes
            raise SettingsError(f"secret file:{path} is not text; it must hold one key") from None
        value = _check(text, f"file:{path}") if text else text
        self._files[path] = (stamp, value)
        return value


def _check(value: str, reference: str) -> str:
    if not _VALUE.fullmatch(value):
        raise SettingsError(f"secret {reference} holds a space, a line end or a character outside ASCII")
    return value
