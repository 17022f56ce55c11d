"""What one run tells the next: the belief as a few hundred bytes of JSON, and back.

A histogram travels as twelve values, each standing for a twelfth of the jobs (quantiles). The pace is taken up
with a doubt of 20%, so an old file does no harm: the first answers correct it. Text that is not ours is ignored,
and the reason returned.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import cast

from ..job import JobClass
from .belief import Belief
from .histogram import Histogram
from .starts import Starts

_VERSION = 3
_QUANTILES = tuple((2 * k + 1) / 24 for k in range(12))
"""The middles of the twelfths, as shares of the jobs that were faster."""
_WORTH = 60.0
"""Finished jobs that a remembered shape counts for at most: fewer than `histogram` remembers, so new ones take over."""
_DOUBT = 0.2
"""By how much the pace is thought to differ from one run to the next: two times in three by less than 20%."""


def remember(belief: Belief, starts: Starts) -> str | None:
    """The belief as JSON; None before any job has finished."""
    if not belief.finished_count:
        return None
    return json.dumps(
        {
            "version": _VERSION,
            "pace": round(belief.pace, 3),
            "spread": round(belief.spread, 3),
            "early": round(belief.early_share, 4),
            "jobs": min(belief.finished_count, int(_WORTH)),
            "shape": _quantiles(belief.shape),
            "wait": [round(starts.waits.mean, 2), round(starts.waits.usual, 2)],
            "classes": {_name(c): [round(t, 2), round(n, 1)] for c, (t, n) in belief.offsets.items()},
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
        pace, spread, early, jobs = (_number(data[key]) for key in ("pace", "spread", "early", "jobs"))
        shape, (mean_wait, usual_wait) = _numbers(data["shape"]), _numbers(data["wait"])
        classes = cast("Mapping[str, object]", data["classes"])
        offsets = {_class(name): _numbers(pair) for name, pair in classes.items()}
        pairs = {c: (t, n) for c, (t, n) in offsets.items()}
    except (ValueError, KeyError, TypeError, AttributeError) as problem:
        return f"learned timing ignored: {type(problem).__name__}: {problem}"
    belief.recall(pace, _DOUBT, max(0.05, min(1.0, spread)), min(0.5, max(0.0, early)), pairs)
    weight = min(_WORTH, max(1.0, jobs)) / len(_QUANTILES)
    belief.shape.recall(shape, weight)
    belief.refresh()
    starts.waits.recall(max(0.1, mean_wait), max(0.3, usual_wait))
    return None


def _quantiles(histogram: Histogram) -> list[float]:
    return [round(histogram.quantile(q), 1) for q in _QUANTILES]


def _number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError(f"{value!r} is not a number")
    return float(value)


def _numbers(values: object) -> list[float]:
    if not isinstance(values, list):
        raise TypeError(f"{values!r} is not a list")
    return [_number(value) for value in cast("list[object]", values)]


def _name(job_class: object) -> str:
    quality, duration, audio = cast("JobClass", job_class)
    return f"{quality}/{duration}/{int(audio)}"


def _class(name: str) -> JobClass:
    quality, duration, audio = name.split("/")
    return JobClass(quality, int(duration), audio == "1")
