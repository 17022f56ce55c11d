"""What one run tells the next: the belief as a few hundred bytes of JSON, and back.

The pace is taken up with a doubt of 20%, so an old file does no harm: the first answers correct it. Text that is not
ours is ignored, and the reason returned.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import cast

from ..job import JobClass
from .belief import Belief
from .hypotheses import SPREADS
from .starts import Starts

_VERSION = 5
_DOUBT = 0.2
"""By how much the pace is thought to differ from one run to the next: two times in three by less than 20%."""
_MOST_PACE, _MOST_OFFSET, _MOST_WAIT = 5.0, 3.0, 1e5
"""A factor of e**5 = 150, one of e**3 = 20, and a day of waiting in seconds: more is no timing of this service."""
_MOST_EARLY = 0.5
"""With more jobs that end at once than others, nothing could be said of how long a job takes."""
_LEAST = 0.002
"""No spread is ever less probable to begin with: chance may have changed, too."""
_LEAST_MEAN, _LEAST_USUAL = 0.1, 0.3
"""Seconds: no wait is taken up that is shorter, for the time between two answers is divided by it."""


def remember(belief: Belief, starts: Starts) -> str | None:
    """The belief as JSON; None before any job has finished."""
    if not belief.finished_count:
        return None
    return json.dumps(
        {
            "version": _VERSION,
            "pace": round(belief.typical.pace, 3),
            "spreads": [round(max(_LEAST, p), 3) for p in belief.hypotheses.spreads()],
            "early": round(belief.endings.early, 4),
            "opaque": starts.opaque,
            "wait": [round(starts.waits.mean, 2), round(starts.waits.usual, 2)],
            "classes": {
                _name(c): [round(x, 3), round(var, 5)] for c, (x, var) in belief.typical.offsets().items()
            },
        },
        separators=(",", ":"),
    )


def recall(text: str, belief: Belief, starts: Starts) -> str | None:
    """Start from what an earlier run remembered; the reason if the text is of no use."""
    try:
        found: object = json.loads(text)
        if not isinstance(found, dict):
            return "learned timing ignored: not a JSON object"
        data = cast("Mapping[str, object]", found)
        if data.get("version") != _VERSION:
            return f"learned timing ignored: version {data.get('version')!r}, not {_VERSION}"
        pace, early = _number(data["pace"], _MOST_PACE), _number(data["early"], _MOST_EARLY)
        mean_wait, usual_wait = _pair(data["wait"], _MOST_WAIT)
        is_opaque = data["opaque"] is True
        spreads = [p for p, _ in zip(_numbers(data["spreads"], 1.0), SPREADS, strict=True)]
        classes = cast("Mapping[str, object]", data["classes"])
        offsets = {_class(name): _pair(pair, _MOST_OFFSET) for name, pair in classes.items()}
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError) as problem:
        return f"learned timing ignored: {type(problem).__name__}: {problem}"
    belief.recall(pace, _DOUBT, [max(_LEAST, p) for p in spreads], max(0.0, early), offsets)
    starts.opaque = is_opaque
    starts.waits.recall(max(_LEAST_MEAN, mean_wait), max(_LEAST_USUAL, usual_wait))
    return None


def _number(value: object, most: float) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) <= most:
        raise ValueError(f"{value!r} is not a number of at most {most:g}")
    return float(value)


def _numbers(values: object, most: float) -> list[float]:
    if not isinstance(values, list):
        raise TypeError(f"{values!r} is not a list")
    return [_number(value, most) for value in cast("list[object]", values)]


def _pair(values: object, most: float) -> tuple[float, float]:
    first, second = _numbers(values, most)
    return first, second


def _name(job_class: JobClass) -> str:
    quality, duration, audio = job_class
    return f"{quality}/{duration}/{int(audio)}"


def _class(name: str) -> JobClass:
    quality, duration, audio = name.split("/")
    return JobClass(quality, int(duration), audio == "1")
