"""Where the service is and who we are: the settings of a client, checked before anything is sent.

`GMI_BASE_URL` is the full queue base.  Two mistakes are common enough to be named: a base that ends in a bare
`/v1` (every queue path then answers 404) and the host of the language models (405 on every queue path).
Plain http and private addresses are for a service on this machine alone, such as the emulator.
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

import attrs

from .account import Account, account
from .errors import ConfigError
from .frozen import frozen
from .hosts import is_loopback_host
from .redaction import redact
from .wire import DEFAULT_BASE_URL

_LLM_HOSTS = ("api.gmi-serving.com",)
_GMI_HOST = "console.gmicloud.ai"
_API_KEY = "api_key (GMI_API_KEY)"
_BASE_URL = "base_url (GMI_BASE_URL)"
_ORG_ID = "org_id (GMI_ORG_ID)"
_NO_KEY = (
    "Create a key in the GMI Cloud console and set it in the environment, or pass it. "
    "To try it without one: `pixverse-async emulator` (extra emulator)."
)


@frozen
class Endpoint:
    """A checked service address and the credentials for it."""

    base_url: str
    api_key: str = attrs.field(repr=False)
    org_id: str | None = None

    @property
    def is_loopback(self) -> bool:
        """True when the service runs on this machine: then, and only then, plain http is accepted."""
        return is_loopback_host(urlsplit(self.base_url).hostname or "")

    @property
    def headers(self) -> Mapping[str, str]:
        """What every call to the queue carries, and no call to a storage host ever."""
        headers = {"Authorization": f"Bearer {self.api_key}", "Accept": "application/json"}
        return headers if self.org_id is None else {**headers, "X-Organization-ID": self.org_id}

    def account(self, salt: str) -> Account:
        """Who we are, as it may be written down."""
        return account(self.base_url, self.org_id, self.api_key, salt=salt)


def read_endpoint(
    environ: Mapping[str, str], *, api_key: str | None, base_url: str | None, org_id: str | None
) -> Endpoint:
    """Arguments first, then GMI_API_KEY, GMI_BASE_URL and GMI_ORG_ID. *Raises* `ConfigError`."""
    key = _text(_API_KEY, environ.get("GMI_API_KEY", "") if api_key is None else api_key)
    base = _text(_BASE_URL, environ.get("GMI_BASE_URL", "") if base_url is None else base_url)
    org = _text(_ORG_ID, environ.get("GMI_ORG_ID", "") if org_id is None else org_id)
    return Endpoint(
        base_url=check_base_url(base or DEFAULT_BASE_URL),
        api_key=_check_header(_API_KEY, key, _NO_KEY),
        org_id=_check_header(_ORG_ID, org, "Leave it unset.") if org else None,
    )


def _text(setting: str, value: object) -> str:
    """The value without the spaces around it. What is no text is not shown: it may be the key in another form."""
    if not isinstance(value, str):
        raise ConfigError(setting, f"of type {type(value).__name__}, not text", "Give a string.")
    return value.strip()


def check_base_url(base_url: str) -> str:
    """The base without a trailing slash. *Raises* `ConfigError` with the remedy.

    >>> check_base_url("https://console.gmicloud.ai/v1")
    Traceback (most recent call last):
    pixverse_async._core.errors.ConfigError: base_url (GMI_BASE_URL): 'https://console.gmicloud.ai/v1' ends in a bare /v1, where the queue is not. Use the full queue base, such as https://console.gmicloud.ai/api/v1/ie/requestqueue/apikey.
    """  # noqa: E501  a doctest cannot break its expected line
    base = base_url.rstrip("/")
    problem = _problem_with(base)
    if problem:
        raise base_url_error(f"{redact(base)!r} {problem}")
    return base


def base_url_error(problem: str) -> ConfigError:
    """The error for a base that does not lead to the queue, whether it is seen at once or by the service's answer."""
    remedy = f"Use the full queue base, such as {DEFAULT_BASE_URL}."
    return ConfigError(_BASE_URL, problem, remedy)


def _problem_with(base: str) -> str | None:
    try:
        parts = urlsplit(base)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        return "is not a URL"
    if not base.isprintable() or " " in base:
        return "is not a URL"
    if parts.scheme not in ("https", "http") or not host:
        return "is not an https URL"
    if parts.query or parts.fragment or "@" in parts.netloc:
        return "carries a query, a fragment or credentials"
    if host in _LLM_HOSTS:
        return "is the host of the language models"
    if parts.path.rstrip("/").endswith("/v1"):
        return "ends in a bare /v1, where the queue is not"
    if host == _GMI_HOST and "/requestqueue" not in parts.path:
        return "does not lead to the queue"
    if parts.scheme == "http" and not is_loopback_host(host):
        return "is plain http, which would show the key to the network"
    return None


def _check_header(setting: str, value: str, remedy: str) -> str:
    if not value:
        raise ConfigError(setting, "missing", remedy)
    if not value.isascii() or not value.isprintable() or " " in value:
        raise ConfigError(setting, "holds characters that no HTTP header can carry", "Copy it anew.")
    return value
