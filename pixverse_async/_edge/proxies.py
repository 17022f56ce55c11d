"""The proxies that the environment names, as curl and most clients understand it: HTTPS_PROXY, and NO_PROXY.

Not aiohttp's `trust_env`: that asks a thread before each request, and sends what `.netrc` knows of a host along.
"""

from __future__ import annotations

from typing import Final
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import attrs

from .._core.errors import ConfigError

_SCHEMES: Final = ("http", "https")


@attrs.frozen(repr=False)
class Proxies:
    """The way to hosts on the open internet, all of which speak https. It may hold a password: it is never shown."""

    _https: str | None = None

    @classmethod
    def read(cls) -> Proxies:
        """That of the environment; on macOS and Windows of the system's settings too. *Raises* `ConfigError`."""
        proxy = getproxies().get("https")
        return cls(_checked(proxy) if proxy else None)

    def of(self, url: str) -> str | None:
        """The proxy for this address; None when there is none, or NO_PROXY names the host."""
        if self._https is None or proxy_bypass(urlsplit(url).netloc.rpartition("@")[2]):
            return None
        return self._https


def _checked(proxy: str) -> str:
    proxy = proxy if "://" in proxy else f"http://{proxy}"
    scheme = urlsplit(proxy).scheme
    if scheme not in _SCHEMES:
        remedy = "Use one that speaks http, or list the hosts that are reached without it in NO_PROXY."
        raise ConfigError("HTTPS_PROXY", f"a proxy of the kind {scheme!r} cannot be used", remedy)
    return proxy
