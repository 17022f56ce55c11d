"""What OpenTelemetry is told of a batch, by its own exporters in memory."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from pixverse_async import FixedPolling, Job, JobEvent, State, generate_many
from pixverse_async.emulator import Emulator, Rule, Settings, tiny_film
from pixverse_async.telemetry import Telemetry

pytestmark = pytest.mark.anyio

SECRET = "5ec2e7"


class Recorder:
    """Providers whose records can be read."""

    def __init__(self) -> None:
        self.spans = InMemorySpanExporter()
        self.tracers = TracerProvider(shutdown_on_exit=False)
        self.tracers.add_span_processor(SimpleSpanProcessor(self.spans))
        self.reader = InMemoryMetricReader()
        self.meters = MeterProvider([self.reader], shutdown_on_exit=False)

    def observer(self) -> Telemetry:
        return Telemetry(tracer_provider=self.tracers, meter_provider=self.meters)

    def numbers(self) -> dict[str, list[tuple[dict[str, Any], float]]]:
        """Each number's points: what they are of, and their sum."""
        data = cast("Any", self.reader.get_metrics_data())
        metrics = [
            one for resource in data.resource_metrics for scope in resource.scope_metrics for one in scope.metrics
        ]
        return {
            one.name: [
                (dict(point.attributes), point.sum if hasattr(point, "sum") else point.value)
                for point in one.data.data_points
            ]
            for one in metrics
        }


async def test_each_job_is_a_span_and_counted(tmp_path: Path) -> None:
    """With its events, its outcome and cost, under the span around it; what is only found there adds neither."""
    record = Recorder()
    refuse = Rule(on="submit", fault="moderation", prompt_contains="refused")
    async with Emulator(Settings(rules=(refuse,)), speed=2000, film=tiny_film) as service:
        where = {"base_url": service.base_url, "api_key": service.api_key, "output_dir": tmp_path}
        jobs = [
            Job(f"https://me:{SECRET}@h.example/cat.png?X-Goog-Signature={SECRET}", f"yawns {SECRET}", name="cat"),
            Job("https://h.example/dog.png", "refused"),
        ]
        for _ in range(2):
            with record.tracers.get_tracer("app").start_as_current_span("request"), record.observer() as on_event:
                await generate_many(jobs, on_event=on_event, poll_policy=FixedPolling(0.02), **cast("Any", where))
    cat, dog = sorted(
        (one for one in record.spans.get_finished_spans() if one.name != "request" and one.events),
        key=lambda span: str((span.attributes or {})["pixverse.job.name"]),
    )
    assert ("image_to_video pixverse-v6-i2v", True) == (cat.name, cat.parent is not None)
    assert {"SubmitStarted", "SubmitAccepted", "GenerationSucceeded", "Saved"} <= {one.name for one in cat.events}
    known = dict(cat.attributes or {})
    assert ("succeeded", 0.175, "video") == tuple(
        known[name] for name in ("pixverse.outcome", "pixverse.cost_usd", "gen_ai.output.type")
    )
    assert ("GenerationError", False) == ((dog.attributes or {})["error.type"], dog.status.is_ok)
    numbers = record.numbers()
    counted = {of["pixverse.outcome"]: count for of, count in numbers["pixverse.jobs"]}
    assert {"succeeded": 1, "failed": 2, "kept": 1} == counted
    assert 0.175 == sum(usd for _, usd in numbers["pixverse.cost"])
    assert 1 == sum(of["pixverse.outcome"] == "succeeded" for of, _ in numbers["pixverse.generation.duration"])
    told = str([one.to_json() for one in record.spans.get_finished_spans()]) + str(numbers)
    assert SECRET not in told
    assert service.api_key not in told


async def test_a_wrong_job_is_told_of_without_its_prompt_and_image(tmp_path: Path) -> None:
    """The error quotes them, for its reader; a span goes to whoever watches the application."""
    record = Recorder()
    jobs: list[Any] = [
        {"image": "https://h.example/cat.png", "prompt": SECRET * 1000},
        Job(tmp_path / f"{SECRET}.png", "yawns", name="cat"),
    ]
    with record.observer() as on_event:
        batch = await generate_many(jobs, on_event=on_event, api_key="key", output_dir=tmp_path / "videos")
    assert [True, True] == [SECRET in str(one.error) for one in batch.failed]
    spans = record.spans.get_finished_spans()
    assert ["image: no such file", "prompt: 6000 characters long"] == sorted(
        str(one.status.description) for one in spans
    )
    assert SECRET not in str([one.to_json() for one in spans])


def test_a_batch_that_was_cancelled_leaves_no_open_span() -> None:
    """Leaving the block ends them as interrupted."""
    record = Recorder()
    with record.observer() as on_event:
        on_event(JobEvent(index=0, name="cat", state=State.NEW))
    (span,) = record.spans.get_finished_spans()
    assert "interrupted" == (span.attributes or {})["pixverse.outcome"]
