"""What the command line and a batch ask of a row alike: which job it is, or what is wrong with it."""

from ._core.job import job_from_row

__all__ = ["job_from_row"]
