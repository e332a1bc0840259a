"""[learning] as the file has it."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from entrepot.settings.words import Name

RefitEvery = Literal["off", "hourly", "daily", "weekly"]


class LearningTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How the router learns from what comes of live exchanges."""

    absorb: Annotated[bool, Meta(description="Take outcomes in as they come.")] = True
    refit: Annotated[RefitEvery, Meta(description="How often a candidate is fitted and held against what ran.")] = (
        "daily"
    )
    promote: Annotated[bool, Meta(description="Put a candidate in force that is shown to be better.")] = True
    least: Annotated[int, Meta(ge=50, description="No refit on fewer outcomes.")] = 400
    last_days: Annotated[int, Meta(ge=1, le=3650, description="Learn from the outcomes of so many days.")] = 90
    webhook: Annotated[
        Name | None, Meta(description="Where alarms and promotions are told: https://…, env:NAME or file:PATH.")
    ] = None
