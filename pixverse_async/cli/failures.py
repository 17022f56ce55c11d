"""What an error means to the caller of the command: a message that ends in a remedy, and an exit code."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from typing import Final

from pixverse_async import (
    AuthError,
    BudgetExceededError,
    ConfigError,
    DeadlineExceededError,
    GenerationError,
    InsufficientCreditsError,
    InvalidJobError,
    NoJournalError,
    Outcome,
    PixverseError,
    RateLimitedError,
    RejectedError,
    SubmitUnknownError,
    Succeeded,
    Unknown,
)

from .arguments import program
from .codes import Exit
from .say import answer_json, tell

_CODES: Final[Sequence[tuple[type[PixverseError], Exit]]] = (
    (AuthError, Exit.AUTH),
    (InsufficientCreditsError, Exit.CREDIT),
    (BudgetExceededError, Exit.CREDIT),
    (RateLimitedError, Exit.LIMITED),
    (DeadlineExceededError, Exit.TIMEOUT),
    (GenerationError, Exit.FAILED),
    (SubmitUnknownError, Exit.UNKNOWN),
    (InvalidJobError, Exit.INVALID),
    (RejectedError, Exit.INVALID),
    (ConfigError, Exit.INVALID),
    (NoJournalError, Exit.INVALID),
)
_OPTIONS: Final = {
    "output_dir": "--out",
    "budget_usd": "--budget",
    "max_in_flight": "--max-in-flight",
    "max_downloads": "--max-downloads",
    "job_timeout": "--job-timeout",
    "interval": "--poll-interval",
    "prompt": "--prompt",
    "duration": "--duration",
    "quality": "--quality",
    "seed": "--seed",
}
"""What the library's settings are called here."""
_KEY: Final = "api_key"


def guarded(verb: Callable[[], int], *, as_json: bool) -> int:
    """The verb's exit code; a user's mistake or a failing disk becomes a message, never a traceback."""
    try:
        return verb()
    except PixverseError as error:
        code, text = code_of(error), message(error)
    except BrokenPipeError:
        raise
    except OSError as problem:
        where = f"{problem.filename}: " if problem.filename else ""
        remedy = "When that is mended, give the same line again."
        code, text = Exit.GENERAL, f"{where}{problem.strerror or problem}. {remedy}"
    except ImportError as problem:
        code, text = Exit.GENERAL, str(problem)
    tell(f"error: {text}")
    if as_json:
        with contextlib.suppress(OSError):  # stdout may be what the disk has no room for
            answer_json({"type": "error", "code": code.value, "error": text})
    return code


def message(error: PixverseError) -> str:
    """The error in the words of the command line."""
    text = str(error)
    if isinstance(error, ConfigError):
        if error.setting.startswith(_KEY) and error.problem == "missing":
            remedy = "Set it: export GMI_API_KEY=... (from the GMI Cloud console)."
            return f"GMI_API_KEY: not set. {remedy} To try it without one: {program()} emulator"
        option = _OPTIONS.get(error.setting)
        return text if option is None else text.replace(error.setting, option, 1)
    if isinstance(error, InvalidJobError) and error.job_name is None and error.field in _OPTIONS:
        return text.replace(f"{error.field}=", f"{_OPTIONS[error.field]} ", 1)
    return text


def code_of(error: PixverseError) -> Exit:
    """The exit code for one error."""
    if isinstance(error, ConfigError) and error.setting.startswith(_KEY):
        return Exit.AUTH
    return next((code for kind, code in _CODES if isinstance(error, kind)), Exit.GENERAL)


def code_of_batch(outcomes: Sequence[Outcome]) -> Exit:
    """The exit code for a batch: an unknown fate before all, then how much of it is there, then the common reason."""
    if any(isinstance(one, Unknown) for one in outcomes):
        return Exit.UNKNOWN
    codes = {Exit.OK if isinstance(one, Succeeded) else code_of(one.error) for one in outcomes}
    if codes <= {Exit.OK}:
        return Exit.OK
    if Exit.OK in codes:
        return Exit.PARTIAL
    return codes.pop() if len(codes) == 1 else Exit.GENERAL
