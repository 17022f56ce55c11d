"""What a person sees of a batch: a live view while it runs, and a table of its outcomes.

    with Progress(total=len(jobs)) as on_event:
        batch = await generate_many(jobs, on_event=on_event)
    print_outcomes(batch)

`tally` counts a batch's events, `view` and `table` say them in lines of any width: pure, without clock or terminal.
`display` has the lines drawn: by rich on a terminal, as plain text elsewhere or where rich is not installed.
No key and no link comes out of here: links are cut down to their host, and text from outside loses whatever is not
printable, such as a terminal's commands.
"""

from .. import Observer
from .display import Progress, print_outcomes
from .table import outcome_table
from .tally import Phase, Tally
from .view import live_view, log_line

__all__ = [
    "Observer",
    "Phase",
    "Progress",
    "Tally",
    "live_view",
    "log_line",
    "outcome_table",
    "print_outcomes",
]
