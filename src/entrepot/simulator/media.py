"""Images and files that come with a prompt: whether they are what they say, and the line that stands for them in the prompt.

Rules of this file: what was sent is proven by its digest, so a picture that was altered on its way is another line.
"""

from __future__ import annotations

import base64
import binascii
import hashlib

_BEGINNINGS = {
    "image/png": b"\x89PNG\r\n\x1a\n",
    "image/jpeg": b"\xff\xd8\xff",
    "image/gif": b"GIF8",
    "image/webp": b"RIFF",
    "application/pdf": b"%PDF-",
}


def decoded(data: str) -> bytes | None:
    """The bytes of base64 text; None if it is none."""
    try:
        return base64.b64decode(data, validate=True)
    except (binascii.Error, ValueError):
        return None


def decoded_bytes_field(data: str) -> bytes | None:
    """As `decoded`, for protocol buffers' JSON: either alphabet, padded or not."""
    plain = data.translate(str.maketrans("-_", "+/")).rstrip("=")
    return decoded(plain + "=" * (-len(plain) % 4))


def looks_like(data: bytes, media_type: str) -> bool:
    """Whether these bytes begin as this type does; of a type that is not known here, always."""
    return data.startswith(_BEGINNINGS.get(media_type, b""))


def line_of(media_type: str, data: bytes) -> str:
    """What stands for it in a prompt."""
    return f"[{media_type} {hashlib.sha256(data).hexdigest()[:12]}]"


def line_of_address(url: str) -> str:
    """What stands for something that is fetched from elsewhere."""
    return f"[at {url}]"


def line_of_data_url(url: str) -> str | None:
    """The line of what a `data:` URL holds, or of the address that another URL is; None if it cannot be read."""
    if not url.startswith("data:"):
        return line_of_address(url) if url.startswith(("http://", "https://")) else None
    head, _, text = url.removeprefix("data:").partition(",")
    media_type, _, encoding = head.partition(";")
    data = decoded(text) if encoding == "base64" else None
    return None if data is None or not looks_like(data, media_type) else line_of(media_type, data)
