"""`python -m pixverse_async`: the command line, by its first word."""

from __future__ import annotations

import sys

from pixverse_async.emulator.cli import main as emulator

_VERBS = {"emulator": emulator}


def main(argv: list[str]) -> int:
    """Run the verb that the arguments begin with."""
    if not argv or argv[0] not in _VERBS:
        sys.stderr.write(f"usage: python -m pixverse_async {{{','.join(_VERBS)}}} [options]\n")
        return 2
    return _VERBS[argv[0]](argv[1:])


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
