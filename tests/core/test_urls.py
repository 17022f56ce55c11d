"""What is a URL and no path, and images that are inside their own URL."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixverse_async._core.urls import data_uri, data_uri_bytes, url_scheme


@pytest.mark.parametrize(
    ("text", "scheme"),
    [
        ("https://x/y", "https"),
        ("HTTP://x/y", "http"),
        ("s3://b/k", "s3"),
        ("data:image/png;base64,AA", "data"),
        ("cat.jpg", None),
        ("C:\\cat.jpg", None),
        ("C:/cat.jpg", None),
        ("a:b.jpg", None),
        ("//host/share", None),
        ("", None),
    ],
)
def test_a_path_is_not_taken_for_a_url(text: str, scheme: str | None) -> None:
    """A drive letter is no scheme, and a scheme is read in any case."""
    assert scheme == url_scheme(text)


@given(st.binary())
def test_a_data_uri_gives_its_bytes_back(body: bytes) -> None:
    """What is put into a data: URI comes out of it, with or without line breaks."""
    uri = data_uri("png", body)
    assert body == data_uri_bytes(uri)
    assert body == data_uri_bytes(uri.replace(",", ",\n", 1) + "\r\n")


def test_a_data_uri_need_not_be_base64() -> None:
    """Percent signs are the other encoding of a data: URI."""
    assert data_uri_bytes("data:image/gif,GIF89a%00%FF") == b"GIF89a\0\xff"


@pytest.mark.parametrize("uri", ["data:image/png;base64", "data:image/png;base64,a", "data:image/png;base64,=!?"])
def test_a_broken_data_uri_is_refused(uri: str) -> None:
    """What has no comma or is not base64 raises a ValueError that says so."""
    with pytest.raises(ValueError, match=r"comma|base64"):
        data_uri_bytes(uri)
