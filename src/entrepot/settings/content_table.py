"""[content] as the file has it."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from entrepot.settings.words import Name


class ContentTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How requests and answers are kept, on routes that say `store_content`."""

    keep_days: Annotated[int, Meta(ge=1, le=3650, description="For how many days.")] = 30
    max_mb: Annotated[
        int, Meta(ge=1, le=14, description="Of an exchange that is longer than so many MiB, nothing is kept.")
    ] = 4
    encrypt_with: Annotated[
        Name | None, Meta(description="Where the key is found that they are encrypted with: env:NAME or file:PATH.")
    ] = None
    decrypt_with: Annotated[
        tuple[Name, ...], Meta(description="Where earlier keys are found, for what was encrypted with them.")
    ] = ()
