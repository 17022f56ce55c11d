"""What is a URL and no path, and images that are inside their own URL. Pure functions of strings and bytes."""

from __future__ import annotations

import base64
import binascii
import re
from typing import Final
from urllib.parse import unquote_to_bytes

from .picture import FileType

_SCHEME: Final = re.compile(r"(data):|([A-Za-z][A-Za-z0-9+.-]+)://")


def url_scheme(text: str) -> str | None:
    """The URL scheme in lower case; None for a path, `C:\\cat.jpg` included."""
    match = _SCHEME.match(text)
    return (match[1] or match[2]).lower() if match else None


def data_uri_bytes(uri: str) -> bytes:
    """The content of a data: URI. *Raises* `ValueError` that says what is wrong with it.

    >>> data_uri_bytes("data:image/gif;base64,R0lGODlh")
    b'GIF89a'
    """
    head, comma, content = uri.partition(",")
    if not comma:
        raise ValueError("no comma between the head and the content")
    raw = unquote_to_bytes(content)
    if not head.lower().endswith(";base64"):
        return raw
    try:
        return base64.b64decode(b"".join(raw.split()), validate=True)
    except binascii.Error as problem:
        raise ValueError("the content is not base64") from problem


def data_uri(file_type: FileType, body: bytes) -> str:
    """The image as a data: URI."""
    return f"data:image/{file_type};base64,{base64.b64encode(body).decode()}"
