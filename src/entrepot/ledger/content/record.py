"""What is kept of an exchange's words: on its way in the spool, and in the store.

Rules of this file: what an exchange is known by (id, time, key, team, route) lies beside the body, in the clear, so that it can
be found, counted, dropped and forgotten without the key that the body may be sealed with. The body is MessagePack: `Sent` in the
spool, where writing has to be quick, and `Said` in the store, where the answer has been read from the bytes that the client got.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Literal

import msgspec

from entrepot.canonical.request import Request
from entrepot.canonical.response import Response

Form = Literal["sent", "said", "too_long"]
"""What the body holds; `too_long`: nothing, because the exchange was longer than what is kept."""


class Kept(msgspec.Struct, frozen=True, array_like=True):
    """One exchange's words. `sealed_by` names the key that the body is encrypted with, None where it is not.

    `length` is that of the body before it was sealed. `keep_until_s` is Unix time. Written as an array, to which fields may be
    added.
    """

    id: str
    started_ns: int
    key: str | None
    team: str | None
    route: str
    dialect: str
    keep_until_s: int
    form: Form
    sealed_by: str | None
    length: int
    body: bytes

    @property
    def day(self) -> str:
        """The UTC date on which it began."""
        return datetime.fromtimestamp(self.started_ns // 1_000_000_000, UTC).date().isoformat()


class Sent(msgspec.Struct, frozen=True, array_like=True):
    """The request as it left (what is redacted is not in it), and the bytes of the answer as the client was sent them.

    `ended`: the last of them were among these. `status` 0: nothing was sent.
    """

    request: Request
    status: int
    ended: bool
    answer: bytes


class Said(msgspec.Struct, frozen=True):
    """A request and what was answered, both in canonical form.

    `answer` None: nothing was delivered that is an answer. `complete`: it is whole, and no error ended it. `unread` holds the
    answer's bytes where they could not be read.
    """

    request: Request
    status: int
    complete: bool
    answer: Response | None = None
    unread: bytes | None = None
