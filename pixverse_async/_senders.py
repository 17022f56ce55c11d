"""For the command line: whether the account at hand may be asked what became of a job on record."""

from ._edge.record import check_sender

__all__ = ["check_sender"]
