"""The machine of jobs on twins: thousands of histories in seconds."""

import pytest
from hypothesis import settings
from hypothesis.stateful import run_state_machine_as_test
from job_machine import JobsUnderFire

from gerai.messaging import jobs as working
from gerai.messaging.jobs import WhenUnknown


@pytest.mark.parametrize("when_unknown", list(WhenUnknown))
def test_a_job_is_performed_at_least_once_and_completed_exactly_once_whoever_dies_when(
    when_unknown: WhenUnknown, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(working, "AWAY_PAUSE_S", 0.0)
    run_state_machine_as_test(  # it asserts by itself
        lambda: JobsUnderFire(when_unknown),
        settings=settings(max_examples=60, stateful_step_count=25, deadline=None),
    )
