"""Room on a disk that is set aside for a file before it is needed.

Rules of this file: the file's size does not change (`FALLOC_FL_KEEP_SIZE`, fallocate(2)), so who reads it sees only what was
written. Where the system or the file system has no such thing, nothing is set aside and nothing is wrong.
"""

from __future__ import annotations

import ctypes
import errno
import os
from functools import cache
from typing import Any

_KEEP_SIZE = 1
_NOT_HERE = frozenset({errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL, errno.ENODEV})


def reserve(fd: int, length: int) -> bool:
    """Set room aside for the first `length` bytes of a file; whether that could be done.

    Raises OSError where the disk has no such room (ENOSPC, EDQUOT) or does not work.
    """
    fallocate = _find()
    if fallocate is None or length <= 0:
        return False
    if fallocate(fd, _KEEP_SIZE, 0, length) == 0:
        return True
    number = ctypes.get_errno()
    if number in _NOT_HERE:
        return False
    raise OSError(number, os.strerror(number))


@cache
def _find() -> Any:  # noqa: ANN401 - a function of C
    """fallocate(2) of the C library, None where it has none."""
    try:
        found = ctypes.CDLL(None, use_errno=True).fallocate
    except (OSError, AttributeError):
        return None
    found.argtypes = (ctypes.c_int, ctypes.c_int, ctypes.c_int64, ctypes.c_int64)
    found.restype = ctypes.c_int
    return found
