"""Why a batch sends no further job, and whether it is to raise for that.

A lack of credit, or a full disk, stops the sending alone: the jobs not sent say so in their outcomes.  A refused key, a
wrong setting or a journal that cannot be written leaves no job of the batch that could be sent: it raises, once what
is paid is saved.  The gravest reason stays, and of equal ones the first.  Pure.
"""

from __future__ import annotations

import attrs

from .errors import AuthError, ConfigError, InsufficientCreditsError, JournalError, PixverseError, StoppedError


@attrs.define(eq=False, repr=False)
class Halted:
    """Whether the batch still sends. One for a batch; `reason` None: it does.

    >>> halted = Halted()
    >>> halted.take(StoppedError("the disk is full")), halted.take(StoppedError("the disk fails")), halted.fatal
    (True, False, None)
    >>> print(halted.not_sent())
    not sent: the disk is full. Nothing was charged; run it again.
    """

    reason: PixverseError | None = None

    def take(self, error: PixverseError) -> bool:
        """One more reason; True when it is the one that counts from now on."""
        if self.reason is not None and _gravity(error) <= _gravity(self.reason):
            return False
        self.reason = error
        return True

    @property
    def fatal(self) -> PixverseError | None:
        """Why the batch will raise; None unless no job of it could be sent any more."""
        return self.reason if self.reason is not None and _gravity(self.reason) else None

    def not_sent(self) -> PixverseError | None:
        """The error for a job that is not sent for this reason, new for each; None while the batch sends."""
        match self.reason:
            case None:
                return None
            case InsufficientCreditsError(status=status, reason=reason):
                return InsufficientCreditsError(status, reason)
            case StoppedError(why=why):
                return StoppedError(why)
            case error:
                return StoppedError(error.describe())


def _gravity(error: PixverseError) -> int:
    """A reason for one job, for the whole batch, or for the journal, which then knows of nothing more."""
    return 2 if isinstance(error, JournalError) else int(isinstance(error, AuthError | ConfigError))
