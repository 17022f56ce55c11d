"""Settings are refused before anything is sent, with what to do, and never show the key."""

from __future__ import annotations

from typing import Any

import pytest

from pixverse_async._core.config import Endpoint, check_base_url, read_endpoint
from pixverse_async._core.errors import ConfigError
from pixverse_async._core.wire import DEFAULT_BASE_URL

KEY = "eyJhbGciOiJIUzI1NiJ9.payload.signature"


def endpoint(
    *, api_key: str | None = None, base_url: str | None = None, org_id: str | None = None, **environ: str
) -> Endpoint:
    return read_endpoint(environ, api_key=api_key, base_url=base_url, org_id=org_id)


def test_the_environment_is_read() -> None:
    """GMI_API_KEY, GMI_BASE_URL and GMI_ORG_ID are the settings, without the spaces around them."""
    made = endpoint(GMI_API_KEY=f" {KEY}\n", GMI_BASE_URL=" https://q.example/apikey/ ", GMI_ORG_ID="org")
    assert ("https://q.example/apikey", KEY, "org") == (made.base_url, made.api_key, made.org_id)


def test_an_argument_wins_over_the_environment() -> None:
    """What the call says is used, whatever the environment says."""
    environ = {"GMI_API_KEY": "theirs", "GMI_BASE_URL": "https://theirs.example/q", "GMI_ORG_ID": "theirs"}
    made = endpoint(api_key="ours", base_url="https://ours.example/q", org_id="ours", **environ)
    assert ("https://ours.example/q", "ours", "ours") == (made.base_url, made.api_key, made.org_id)


def test_a_key_alone_is_enough() -> None:
    """Without a base the documented one is used, and without an organisation none is named."""
    made = endpoint(GMI_API_KEY=KEY, GMI_BASE_URL="", GMI_ORG_ID=" ")
    assert (DEFAULT_BASE_URL, None) == (made.base_url, made.org_id)
    assert {"Authorization": f"Bearer {KEY}", "Accept": "application/json"} == made.headers


def test_an_organisation_is_a_header() -> None:
    """A key that serves several organisations says which."""
    assert endpoint(api_key=KEY, org_id="org").headers["X-Organization-ID"] == "org"


@pytest.mark.parametrize("key", [None, "", "  "])
def test_a_missing_key_is_named_with_its_remedy(key: str | None) -> None:
    """Without a key the error names the argument, the variable and the place to get one."""
    with pytest.raises(ConfigError, match=r"GMI_API_KEY.*console"):
        endpoint(api_key=key)


@pytest.mark.parametrize("setting", ["api_key", "base_url", "org_id"])
def test_a_setting_of_another_kind_is_named_unseen(setting: str) -> None:
    """A number, or the bytes of a secret store, is refused like any wrong setting, and is not shown."""
    wrong: Any = {"api_key": KEY, setting: KEY.encode()}
    with pytest.raises(ConfigError, match=rf"^{setting} \(GMI_.*\): of type bytes, not text\. Give a string\.$"):
        endpoint(**wrong)


@pytest.mark.parametrize("key", ["sec ret", "sec\nret", "secr\u00e9t", "sec\x00ret", "secret\u200b"])
def test_a_key_that_no_header_carries_is_refused_unseen(key: str) -> None:
    """A key that was copied badly is refused without being shown."""
    with pytest.raises(ConfigError, match="GMI_API_KEY") as caught:
        endpoint(api_key=key)
    assert "ret" not in str(caught.value)


def test_the_key_is_in_no_repr() -> None:
    """An endpoint can be logged."""
    assert KEY not in repr(endpoint(api_key=KEY))


@pytest.mark.parametrize(
    ("base", "problem"),
    [
        ("https://console.gmicloud.ai/v1", "bare /v1"),
        ("https://console.gmicloud.ai/api/v1/", "bare /v1"),
        ("https://console.gmicloud.ai", "does not lead to the queue"),
        ("https://console.gmicloud.ai/user-setting", "does not lead to the queue"),
        ("https://api.gmi-serving.com/v1/requests", "language models"),
        ("https://API.gmi-serving.com/x", "language models"),
        ("http://console.gmicloud.ai/api/v1/ie/requestqueue/apikey", "plain http"),
        ("http://10.0.0.1/q", "plain http"),
        ("http://127.0.0.1.evil.example/q", "plain http"),
        ("http://localhost.evil.example/q", "plain http"),
        ("https://user:hunter2@q.example/x", "credentials"),
        ("https://:hunter2@q.example/x", "credentials"),
        ("https://hunter2@q.example/x", "credentials"),
        ("https://q.example/x?key=hunter2", "query"),
        ("https://q.example/x#hunter2", "fragment"),
        ("ftp://q.example/x", "not an https URL"),
        ("q.example/x", "not an https URL"),
        ("https:///x", "not an https URL"),
        ("https://[::1/x", "not a URL"),
        ("https://q.example:99999/x", "not a URL"),
        ("https://q.example:port/x", "not a URL"),
        ("https://q.example/a b", "not a URL"),
        ("https://q.example/a\nb", "not a URL"),
    ],
)
def test_a_wrong_base_is_refused(base: str, problem: str) -> None:
    """Each common mistake is named, the remedy with it, and no credential is shown."""
    with pytest.raises(ConfigError, match=r"GMI_BASE_URL.*Use the full queue base") as caught:
        check_base_url(base)
    assert problem in caught.value.problem
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("base", "checked"),
    [
        (DEFAULT_BASE_URL + "/", DEFAULT_BASE_URL),
        (
            "http://127.0.0.1:8080/api/v1/ie/requestqueue/apikey",
            "http://127.0.0.1:8080/api/v1/ie/requestqueue/apikey",
        ),
        ("http://localhost:8080/q", "http://localhost:8080/q"),
        ("http://[::1]:8080/q", "http://[::1]:8080/q"),
        ("https://q.example/v1/queue", "https://q.example/v1/queue"),
    ],
)
def test_a_right_base_is_taken(base: str, checked: str) -> None:
    """https anywhere, and plain http on this machine, without the slash at the end."""
    assert checked == check_base_url(base)
