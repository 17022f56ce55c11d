"""A function that somebody else gives: whether it can be called and answers at once."""

from __future__ import annotations

from inspect import iscoroutinefunction

from .errors import ConfigError
from .redaction import redact


def check_function(setting: str, function: object, remedy: str) -> None:
    """*Raises* `ConfigError` for what is no plain function: it would be noticed only once jobs are paid."""
    if not callable(function):
        raise ConfigError(setting, f"{redact(repr(function), 60)} cannot be called", remedy)
    call = getattr(function, "__call__", None)  # noqa: B004  not whether there is one is asked, but its kind
    if iscoroutinefunction(function) or iscoroutinefunction(call):
        raise ConfigError(setting, "a coroutine function, which nobody would await", remedy)
