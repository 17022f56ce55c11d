"""`python -m pixverse_async`: the command line."""

from __future__ import annotations

from pixverse_async.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
