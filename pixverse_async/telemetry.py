"""OpenTelemetry for a batch: a span and some numbers for each job, made of the events that an observer sees.

    with Telemetry() as on_event:
        batch = await generate_many(jobs, on_event=on_event)

Needs the extra `telemetry`, which is the API alone: what is recorded goes where your application's own SDK sends it,
and nowhere without one. Names follow the GenAI conventions where they have one; the rest begins with `pixverse`.
No prompt, image, key or link is in an attribute, or in the reason that a failed span gives.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from types import TracebackType
from typing import Final, Self, TypeAlias

import attrs
from opentelemetry import metrics, trace
from opentelemetry.metrics import MeterProvider
from opentelemetry.trace import Span, SpanKind, Status, StatusCode, TracerProvider

from . import InvalidJobError, JobEvent, Observer, Outcome, PixverseError, Succeeded, events

SCOPE: Final = "pixverse_async"
MODEL: Final = "pixverse-v6-i2v"
COMMON: Final[Mapping[str, str]] = {
    "gen_ai.operation.name": "image_to_video",
    "gen_ai.provider.name": "gmi_cloud",
    "gen_ai.request.model": MODEL,
}
"""On every span and every number."""
_KEPT: Final = "kept"

Attributes: TypeAlias = dict[str, str | int | float | bool]


@attrs.define
class _Open:
    """A job that was heard of and has not ended."""

    span: Span
    began_at: float
    """Loop time."""
    is_sent: bool = False
    """This run sent it, and so its price is this run's."""


class Telemetry:
    """An observer of one batch that records it. `then`: an observer of your own, called afterwards with each event.

    A span for each job, from its first event to its outcome, child of the span that is active around the batch, with
    an event for each that the journal has; none for a video that was kept from an earlier run. Numbers: the histograms
    `gen_ai.client.operation.duration`, `pixverse.generation.duration` and `pixverse.detection.delay` (seconds), the
    counters `pixverse.jobs` and `pixverse.cost` (dollars) by `pixverse.outcome`. Leaving the block ends the spans of
    jobs that a cancelled batch left behind. The providers are the global ones unless given.

    >>> from pixverse_async import Job, State, Succeeded
    >>> with Telemetry() as on_event:  # without an SDK it costs nothing and goes nowhere
    ...     on_event(JobEvent(index=0, name="cat", state=State.NEW))
    """

    def __init__(
        self,
        then: Observer | None = None,
        *,
        tracer_provider: TracerProvider | None = None,
        meter_provider: MeterProvider | None = None,
    ) -> None:
        self._then = then
        self._tracer = trace.get_tracer(SCOPE, tracer_provider=tracer_provider)
        meter = metrics.get_meter(SCOPE, meter_provider=meter_provider)
        self._durations = meter.create_histogram(
            "gen_ai.client.operation.duration", "s", "From a job's first event to its outcome."
        )
        self._generations = meter.create_histogram("pixverse.generation.duration", "s", "Making one video.")
        self._delays = meter.create_histogram(
            "pixverse.detection.delay", "s", "How long a finished video went unnoticed, at most."
        )
        self._jobs = meter.create_counter("pixverse.jobs", "{job}", "Jobs that have their outcome.")
        self._cost = meter.create_counter("pixverse.cost", "{USD}", "What this run's jobs cost or may cost.")
        self._open: dict[int, _Open] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        for job in self._open.values():
            job.span.set_attribute("pixverse.outcome", "interrupted")
            job.span.end()
        self._open.clear()

    def __call__(self, event: JobEvent) -> None:
        """Take in one event of the batch."""
        if event.outcome is None:
            self._follow(event)
        else:
            self._end(event, event.outcome)
        if self._then is not None:
            self._then(event)

    def _follow(self, event: JobEvent) -> None:
        job = self._job(event)
        job.is_sent |= isinstance(event.event, events.SubmitStarted)
        span = job.span
        if event.stalled_for is not None:
            span.add_event("Stalled", {"pixverse.stalled_for": event.stalled_for})
        elif event.event is not None:
            span.add_event(type(event.event).__name__, {"pixverse.state": event.state.value})

    def _job(self, event: JobEvent) -> _Open:
        job = self._open.get(event.index)
        if job is None:
            attributes: Attributes = {**COMMON, "pixverse.job.name": event.name, "gen_ai.output.type": "video"}
            name = f"{COMMON['gen_ai.operation.name']} {MODEL}"
            span = self._tracer.start_span(name, kind=SpanKind.CLIENT, attributes=attributes)
            job = self._open[event.index] = _Open(span, _now())
        return job

    def _end(self, event: JobEvent, outcome: Outcome) -> None:
        is_kept = isinstance(outcome, Succeeded) and outcome.timings.downloading is None
        word = _KEPT if is_kept else type(outcome).__name__.lower()
        self._jobs.add(1, {**COMMON, "pixverse.outcome": word})
        if is_kept and event.index not in self._open:
            return
        job = self._job(event)
        del self._open[event.index]
        common: Attributes = {**COMMON, "pixverse.outcome": word}
        if not isinstance(outcome, Succeeded):
            common["error.type"] = type(outcome.error).__name__
            job.span.set_status(Status(StatusCode.ERROR, _why(outcome.error)))
        job.span.set_attributes({**common, **_facts(outcome)})
        job.span.end()
        self._measure(outcome, common, _now() - job.began_at)
        if job.is_sent:
            self._cost.add(float(outcome.usd), common)

    def _measure(self, outcome: Outcome, common: Attributes, seconds: float) -> None:
        times = outcome.timings
        self._durations.record(seconds, common)
        if times.generating is not None:
            self._generations.record(times.generating, common)
        if times.detected_late_by is not None:
            self._delays.record(times.detected_late_by, common)


def _why(error: PixverseError) -> str:
    """The reason, without the value that a wrong job holds: it may be the prompt, or where the image is."""
    return f"{error.field}: {error.problem}" if isinstance(error, InvalidJobError) else error.describe()


def _facts(outcome: Outcome) -> Attributes:
    """What is said of one job: numbers and ids, no text of the user's."""
    job = outcome.job
    found: dict[str, object] = {
        "gen_ai.request.seed": outcome.seed,
        "gen_ai.response.id": outcome.request_id,
        "pixverse.duration": job.duration,
        "pixverse.quality": job.quality,
        "pixverse.audio": job.audio,
        "pixverse.cost_usd": float(outcome.usd),
        "pixverse.polls": outcome.timings.polls,
        "pixverse.size_bytes": outcome.size_bytes if isinstance(outcome, Succeeded) else None,
    }
    # What is no job may hold anything.
    return {name: value for name, value in found.items() if isinstance(value, str | int | float)}


def _now() -> float:
    """Seconds of the loop's clock: an observer is called in the loop."""
    try:
        return asyncio.get_running_loop().time()
    except RuntimeError:
        return 0.0
