"""Thousands of image-to-video generations on GMI Cloud's queue, in asyncio, without paying twice.

    from pixverse_async import Job, generate_many

    batch = await generate_many([Job("cat.jpg", "the cat yawns")], output_dir="videos", budget_usd=5)
    print(batch.summary())

The map of the house
--------------------
A job is a value; what happens to it is a sequence of events.  `_core` decides the next step from them (no clock, no
network, no disk, no randomness of its own); `_edge` carries it out and reports a new event.  One stream of events has
three readers: the state machine advances on it, the journal stores it, observers watch it.  Resuming after a crash is
the journal read back through the same state machine.

    Job ──▶ upload ──▶ submit ───────────▶ poll ──────────────▶ download ────────▶ Outcome
                       under a semaphore   one scheduler for    bounded pipeline   Succeeded | Failed
                       paced, budgeted     all jobs in flight   verify, rename     | Unknown | Pending

Read `_core/lifecycle.py` for the states, `_core/retry.py` for what is safe to send again, `_core/schedule` for when to
look, `_edge/submit.py` for the paid call, and `_edge/batch.py` for the whole.

What is promised
----------------
* A submit is never sent again after an outcome that cannot be known: reply lost, reset, timeout, any 5xx.
* The intent is on disk before the POST leaves, the request id before anything else happens.
* A file has its final name only when it is whole and checked.
* One job's failure is that job's outcome, and nobody else's.
* No key and no signed link is in any log, error, repr or journal.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ._names import *  # noqa: F403  its __all__ says which, and is checked against public_api.txt
    from ._names import __all__ as __all__
else:
    # Hidden from type checkers, to whom any name would be one of ours.

    def __getattr__(name: str) -> object:
        """A public name, or the list of them: all are loaded when the first is asked for."""
        if name.startswith("_") and name != "__all__":
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        names = import_module("._names", __name__)
        globals().update({known: getattr(names, known) for known in ["__all__", *names.__all__]})
        if name not in globals():
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return globals()[name]

    def __dir__() -> list[str]:
        __getattr__("__all__")
        return sorted(globals())
