"""A batch that OpenTelemetry sees: `python examples/traced.py photos "it starts to snow"`, with GMI_API_KEY set.

Spans and numbers go to the terminal here; give your providers the exporters of whatever you watch things with.
"""

import asyncio
import sys

from opentelemetry import metrics, trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import ConsoleMetricExporter, PeriodicExportingMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, ConsoleSpanExporter

from pixverse_async import Job, PixverseError, generate_many, jobs_from_folder
from pixverse_async.telemetry import Telemetry


async def main(jobs: list[Job]) -> None:
    with trace.get_tracer("videos").start_as_current_span("make videos"), Telemetry() as on_event:
        batch = await generate_many(jobs, on_event=on_event)
    print(batch.summary())


if __name__ == "__main__":
    spans = TracerProvider()
    spans.add_span_processor(BatchSpanProcessor(ConsoleSpanExporter()))
    trace.set_tracer_provider(spans)
    metrics.set_meter_provider(MeterProvider([PeriodicExportingMetricReader(ConsoleMetricExporter())]))
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    try:
        asyncio.run(main(jobs_from_folder(sys.argv[1], prompt=sys.argv[2])))
    except PixverseError as problem:  # a missing folder, no key, no way to the service
        sys.exit(str(problem))
