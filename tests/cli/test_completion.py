"""Tab completion, as a shell asks for it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path


def test_a_verb_and_an_option_are_completed(tmp_path: Path) -> None:
    """What argcomplete's shell function asks is answered with verbs, and with the options of a verb."""
    for line, completion in (("pixverse-async res", "resume"), ("pixverse-async run --poll", "--poll-interval")):
        answers = tmp_path / "answers"
        environ = {
            **os.environ, "_ARGCOMPLETE": "1", "_ARGCOMPLETE_STDOUT_FILENAME": str(answers), "IFS": "\013",
            "COMP_LINE": line, "COMP_POINT": str(len(line)), "COMP_TYPE": "9",
        }  # fmt: skip
        script = "from pixverse_async.cli import main; main()"
        subprocess.run([sys.executable, "-c", script], env=environ, check=True)
        assert completion in answers.read_text(encoding="utf-8")
