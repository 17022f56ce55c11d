"""Every error of the package: whose fault it is, and what is safe to do next.

One root, `PixverseError`; every class below it carries fields, not prose, and builds
its message from them.  Three facts ride on each instance: the job's name, the service's
request id, and whether money may have been spent.  They are added on the way up with
`about()`, so that the place which notices a fault need not know whose job it was.

Nothing here knows the wire, the journal or the disk.  Text that came from outside goes
through `redaction` before it may enter an error: no key and no signed link survives it.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Self

import attrs

from .dollars import dollars
from .frozen import shown
from .remedies import MAY_BE_CHARGED, after_failure, how_to_fetch


def _sentence(text: str) -> str:
    """A foreign sentence without its full stop, for ours follows."""
    return text.rstrip(". ")


class PixverseError(Exception):
    """The root. Never raised itself.

    `job_name` and `request_id` say which job; `may_be_billed` is true when the service may
    have charged, or may yet charge, for what failed.

    >>> error = StoppedError("no credit left").about(job_name="cat", request_id="5a7a5466")
    >>> print(error)
    job 'cat', request 5a7a5466: not sent: no credit left. Nothing was charged; run it again.
    >>> isinstance(error, PixverseError), error.may_be_billed
    (True, False)
    """

    job_name: str | None = None
    request_id: str | None = None
    may_be_billed: bool = False

    def about(
        self,
        *,
        job_name: str | None = None,
        request_id: str | None = None,
        may_be_billed: bool | None = None,
    ) -> Self:
        """The same error, knowing more; what is already known is kept."""
        if self.job_name is None:
            self.job_name = job_name
        if self.request_id is None:
            self.request_id = request_id
        if may_be_billed is not None:
            self.may_be_billed = may_be_billed
        return self

    def describe(self) -> str:
        """What happened and what to do, without the job it happened to."""
        return type(self).__name__

    def __repr__(self) -> str:
        return shown(self)

    def __str__(self) -> str:
        subject = [f"job {self.job_name!r}"] if self.job_name else []
        subject += [f"request {self.request_id}"] if self.request_id else []
        head = ", ".join(subject)
        return f"{head}: {self.describe()}" if head else self.describe()


@attrs.define(eq=False, slots=False, repr=False)
class InvalidJobError(PixverseError, ValueError):
    """Yours: fix the job. Raised before anything is sent or paid.

    >>> from pixverse_async import Job
    >>> try:
    ...     Job("cat.jpg", " ")
    ... except InvalidJobError as error:
    ...     print(error)
    job 'cat': prompt=' ': empty. Say in words what should happen in the video.
    """

    field: str
    value: str
    """As it was given, in brief; empty when nothing was."""
    problem: str
    remedy: str

    def describe(self) -> str:
        where = f"{self.field}={self.value}" if self.value else self.field
        return f"{where}: {self.problem}. {self.remedy}"


@attrs.define(eq=False, slots=False, repr=False)
class ConfigError(PixverseError, ValueError):
    """Yours: fix a setting of the client, in the call or in the environment. Nothing was sent.

    >>> print(ConfigError("budget_usd", "'ten' is no amount of money", "Give dollars, such as 25 or '9.50'."))
    budget_usd: 'ten' is no amount of money. Give dollars, such as 25 or '9.50'.
    """

    setting: str
    problem: str
    remedy: str

    def describe(self) -> str:
        return f"{self.setting}: {self.problem}. {self.remedy}"


@attrs.define(eq=False, slots=False, repr=False)
class ApiError(PixverseError):
    """The service answered, and the answer is no. `status` is the HTTP status; nothing was charged for the call.

    >>> print(ApiError(503, "overloaded"))
    the service answered 503: overloaded. Nothing was charged for this call; run it again.
    """

    status: int
    reason: str

    def describe(self) -> str:
        advice = MAY_BE_CHARGED if self.may_be_billed else self._advice()
        return f"the service answered {self.status}: {_sentence(self.reason) or 'no reason given'}. {advice}"

    def _advice(self) -> str:
        return "Nothing was charged for this call; run it again."


@attrs.define(eq=False, slots=False, repr=False)
class NoSuchRequestError(ApiError):
    """404 or 410 for a request's id.

    >>> print(NoSuchRequestError(404, "not found"))
    the service answered 404: not found. Check the id; a request belongs to the key and organisation that sent it.
    """

    def _advice(self) -> str:
        return "Check the id; a request belongs to the key and organisation that sent it."


@attrs.define(eq=False, slots=False, repr=False)
class AuthError(ApiError):
    """401 or 403: the key is wrong, expired or lacks rights. Stops the batch.

    >>> print(AuthError(401, "no such key"))
    the service answered 401: no such key. Check GMI_API_KEY (and GMI_ORG_ID, if the key serves several organisations).
    """

    def _advice(self) -> str:
        return "Check GMI_API_KEY (and GMI_ORG_ID, if the key serves several organisations)."


@attrs.define(eq=False, slots=False, repr=False)
class InsufficientCreditsError(ApiError):
    """402: no credit left. Nothing was charged; add credit and run it again.

    >>> print(InsufficientCreditsError(402, "balance is 0"))
    the service answered 402: balance is 0. Nothing was charged; add credit in the console and run it again.
    """

    def _advice(self) -> str:
        return "Nothing was charged; add credit in the console and run it again."


@attrs.define(eq=False, slots=False, repr=False)
class RateLimitedError(ApiError):
    """429: refused by rate, safe to send again after `retry_after` seconds (None: no hint given).

    >>> error = RateLimitedError(429, "60 per minute", retry_after=12.0)
    >>> print(error, error.retry_after)
    the service answered 429: 60 per minute. Nothing was charged; the call is safe to repeat later. 12.0
    """

    retry_after: float | None = None

    def _advice(self) -> str:
        return "Nothing was charged; the call is safe to repeat later."


@attrs.define(eq=False, slots=False, repr=False)
class RejectedError(ApiError):
    """This job will not be accepted as it is. Nothing was charged.

    >>> print(RejectedError(400, "bad image"))
    the service answered 400: bad image. Nothing was charged. Correct the job; the same one would be refused again.
    """

    def _advice(self) -> str:
        return "Nothing was charged. Correct the job; the same one would be refused again."


@attrs.define(eq=False, slots=False, repr=False)
class TransportError(PixverseError):
    """No complete answer. `sent` False: the request never left, repeat it freely; None: unknown.

    >>> print(TransportError("connection refused", sent=False))
    connection refused; it never reached the service. Check the network and GMI_BASE_URL, then run it again.
    """

    what: str
    sent: bool | None = None

    def describe(self) -> str:
        if self.sent is False:
            remedy = "Check the network and GMI_BASE_URL, then run it again."
            return f"{self.what}; it never reached the service. {remedy}"
        return f"{self.what}; whether it was received is unknown. Run it again: what was paid is not paid twice."


@attrs.define(eq=False, slots=False, repr=False)
class ProtocolError(PixverseError):
    """An answer that cannot be read: at `path` something else than `expected` was found.

    >>> error = ProtocolError("request_id", "text", "a number")
    >>> str(error).partition(".")[0]
    "the service's answer has no readable request_id: expected text, got a number"
    """

    path: str
    expected: str
    got: str

    def describe(self) -> str:
        found = f"expected {self.expected}, got {self.got}"
        return (
            f"the service's answer has no readable {self.path}: {found}. Run it again; if it persists, "
            "check GMI_BASE_URL, and please report it."
        )


@attrs.define(eq=False, slots=False, repr=False)
class SubmitUnknownError(PixverseError):
    """The submit left, and its fate is not known: it may have been accepted and may be billed.

    >>> error = SubmitUnknownError("the connection was reset", seed=77)
    >>> str(error).partition(";")[0]
    "the submit's fate is unknown (the connection was reset). It is counted as spent and is not sent again"
    """

    what: str
    seed: int | None

    def describe(self) -> str:
        mark = "the job" if self.seed is None else f"seed {self.seed}"
        return (
            f"the submit's fate is unknown ({self.what}). It is counted as spent and is not sent again; "
            "a batch with a journal looks for it in the service's list when it is run again. Or look for "
            f"{mark} in the console, and say with `resolve` what you found; without a journal look there "
            "before you send it again, or it may be paid twice."
        )


@attrs.define(eq=False, slots=False, repr=False)
class GenerationError(PixverseError):
    """The service took the job, and it failed. `reason` is the service's own; `kind` our reading of it.

    `kind` is one of "moderation", "rate_limited", "capacity", "credits", "image", "cancelled",
    "no_media" and "unknown".

    >>> print(GenerationError("forbidden.", "moderation"))
    the generation failed (moderation): forbidden. Change the prompt or the image; the same job would be refused again.
    """

    reason: str
    kind: str = "unknown"

    def describe(self) -> str:
        advice = MAY_BE_CHARGED if self.may_be_billed else after_failure(self.kind)
        reason = _sentence(self.reason) or "the service gave no reason"
        return f"the generation failed ({self.kind}): {reason}. {advice}"


@attrs.define(eq=False, slots=False, repr=False)
class DownloadError(PixverseError):
    """The video did not arrive whole. It is paid for: the next run of a batch downloads it again, at no charge.

    >>> error = DownloadError("the disk is full", received_bytes=4096, expected_bytes=9000)
    >>> str(error).partition(").")[0]
    'the video was made but not saved: the disk is full (4096 of 9000 bytes'
    >>> print(str(DownloadError("cat.mp4 exists").about(request_id="5a7a5466")).partition("By itself: ")[2])
    client.attach('5a7a5466').save('other.mp4'), or `pixverse-async attach 5a7a5466 --out other.mp4`.
    """

    problem: str
    received_bytes: int = 0
    expected_bytes: int | None = None

    def describe(self) -> str:
        got = "" if self.expected_bytes is None else f" ({self.received_bytes} of {self.expected_bytes} bytes)"
        problem = f"{_sentence(self.problem)}{got}"
        return f"the video was made but not saved: {problem}. It is paid for. {how_to_fetch(self.request_id)}"


@attrs.define(eq=False, slots=False, repr=False)
class DeadlineExceededError(PixverseError, TimeoutError):
    """We stopped waiting after `timeout` seconds. The request lives on; the next run picks it up.

    >>> str(DeadlineExceededError(1800, "queued")).partition(".")[0]
    'still queued after 1800 s'
    """

    timeout: float
    state: str

    def describe(self) -> str:
        return (
            f"still {self.state} after {self.timeout:g} s. It may finish and be billed. "
            f"{how_to_fetch(self.request_id)} Or wait longer from the start (job_timeout, --job-timeout)."
        )


@attrs.define(eq=False, slots=False, repr=False)
class BudgetExceededError(PixverseError):
    """The budget has no room for this job. It was not sent.

    >>> print(BudgetExceededError(needed_usd=Decimal("0.175"), left_usd=Decimal("0.1")))
    not sent: it needs $0.175 and the budget has $0.10 left. Raise the budget (budget_usd, --budget) and run it again.
    """

    needed_usd: Decimal
    left_usd: Decimal

    def describe(self) -> str:
        left = dollars(max(self.left_usd, Decimal(0)))
        return (
            f"not sent: it needs {dollars(self.needed_usd)} and the budget has {left} left. "
            "Raise the budget (budget_usd, --budget) and run it again."
        )


@attrs.define(eq=False, slots=False, repr=False)
class JournalError(PixverseError):
    """The journal cannot be trusted or written. Stops the batch before anything more is paid.

    >>> print(JournalError("videos/pixverse-journal.jsonl", "not JSON", "Run repair_journal.", line=7))
    videos/pixverse-journal.jsonl, line 7: not JSON. Run repair_journal.
    """

    path: str
    problem: str
    remedy: str
    line: int | None = None

    def describe(self) -> str:
        where = self.path if self.line is None else f"{self.path}, line {self.line}"
        return f"{where}: {self.problem}. {self.remedy}"


@attrs.define(eq=False, slots=False, repr=False)
class NoJournalError(JournalError):
    """Yours: no batch has run in the folder that was named.

    >>> print(NoJournalError("vidoes/pixverse-journal.jsonl", "no journal of a batch is there", "Give another folder."))
    vidoes/pixverse-journal.jsonl: no journal of a batch is there. Give another folder.
    """


@attrs.define(eq=False, slots=False, repr=False)
class StoppedError(PixverseError):
    """The batch stopped admitting before this job was sent. Nothing was charged for it.

    >>> print(StoppedError("the key was refused"))
    not sent: the key was refused. Nothing was charged; run it again.
    """

    why: str

    def describe(self) -> str:
        return f"not sent: {_sentence(self.why)}. Nothing was charged; run it again."


@attrs.define(eq=False, slots=False, repr=False)
class UnexpectedError(PixverseError):
    """A bug of ours, or of code of yours that was called; met in one job, the others went on.

    >>> print(UnexpectedError("KeyError in on_event"))
    unexpected KeyError in on_event. Nothing paid is lost: run it again; please report this.
    """

    what: str

    def describe(self) -> str:
        advice = "Nothing paid is lost: run it again; please report this."
        if self.may_be_billed:
            # Without a journal to run it again would pay again.
            remedy = MAY_BE_CHARGED if self.request_id is None else how_to_fetch(self.request_id)
            advice = f"{remedy} Please report this."
        return f"unexpected {_sentence(self.what)}. {advice}"
