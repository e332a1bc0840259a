"""Data inside an address (RFC 2397), as OpenAI's dialects take images and files."""

from __future__ import annotations

import base64
from urllib.parse import unquote_to_bytes

_USUAL = {"image/jpg": "image/jpeg"}  # a type that is none, and that many clients write


def is_data_url(address: str) -> bool:
    """Whether the address is the data itself."""
    return address[:5].lower() == "data:"


def data_of(address: str) -> tuple[str, str]:
    """(media type, data in base64) of such an address; the type is empty where it is not said."""
    head, _, data = address[5:].partition(",")
    named, *parameters = head.split(";")
    if not any(each.strip().lower() == "base64" for each in parameters):
        data = base64.b64encode(unquote_to_bytes(data)).decode()
    media_type = named.strip().lower()
    return _USUAL.get(media_type, media_type), data
