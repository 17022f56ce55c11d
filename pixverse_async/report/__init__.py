"""A page to look at: `write_report` makes `report.html` beside the videos, from what lies there.

One file without a script: it plays the videos in its folder by relative links, needs no network, and opens from a disk,
a server or an archive. What it shows comes from the journal; `manifest.jsonl`, which the command line writes, adds the
jobs that were never sent, and metadata.
"""

from .write import REPORT_NAME, write_report

__all__ = ["REPORT_NAME", "write_report"]
