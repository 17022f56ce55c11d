"""Rows for the command line: how they are judged, and those that images with sidecars make.

What is wrong with a row is a value, so that it fails alone in a batch; nobody else needs more than jobs.
"""

from ._core.rows import JobLike, job_from_row
from ._edge.inputs import rows_from_folder, rows_from_images

__all__ = ["JobLike", "job_from_row", "rows_from_folder", "rows_from_images"]
