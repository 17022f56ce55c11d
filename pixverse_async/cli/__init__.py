"""`pixverse-async`: the command line, one verb for each need.

`main` reads the arguments and starts the verb; each verb is a function in a module of its own, which is loaded only
then: help needs no library and comes at once. Answers go to stdout (with `--json` one object a line), progress and
everything else to stderr. A user's mistake is one message with its remedy, and an exit code of `codes`.
"""

from .entry import main

__all__ = ["main"]
