"""What values in the settings file may be: the kinds that several tables share."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

Name = Annotated[str, Meta(min_length=1)]
Count = Annotated[int, Meta(ge=0)]
Seconds = Annotated[float, Meta(gt=0)]
Tokens = Annotated[int, Meta(gt=0)]
AtLeastOne = Annotated[int, Meta(gt=0)]
Digest = Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]
Country = Annotated[str, Meta(pattern="^[A-Z]{2}$")]
JsonPointer = Annotated[str, Meta(pattern="^(/.*)?$")]
Share = Annotated[float, Meta(ge=0, le=1)]
Dollars = Annotated[float, Meta(gt=0)]
Confidence = Annotated[float, Meta(ge=0.5, lt=1)]
