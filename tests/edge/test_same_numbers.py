"""What the benchmark says of the scheduler is true of the whole pipeline."""

from __future__ import annotations

import pytest

from benchmarks.worlds.pipeline import SERVICES, compare


@pytest.mark.parametrize("service", SERVICES)
def test_the_pipeline_polls_as_much_and_learns_as_late_as_the_simulator_says(service: str) -> None:
    """For sixty jobs polls are within 12%, and lateness within half a second, of a simulation of that service.

    Over eight seeds: of one alone, who is asked first decides a fifth of the polls and of the lateness.
    """
    real, simulated = compare(service, jobs=60, seeds=8)
    assert real.polls == pytest.approx(simulated.polls, rel=0.12)
    assert real.late == pytest.approx(simulated.late, abs=0.5)
