"""Business time: real, or simulated alike in every process."""

from datetime import UTC, datetime, timedelta, timezone

from notes_door import settings

from gerai.chassis.clock import RealClock, SimulatedClock, clock_of

OPENING = datetime(2026, 11, 24, 8, tzinfo=timezone(timedelta(hours=8)))


class TestClocks:
    def test_real_time_is_the_default(self) -> None:
        assert isinstance(clock_of(settings()), RealClock)
        assert clock_of(settings()).now().tzinfo is UTC

    def test_a_simulated_day_starts_at_its_anchor_and_runs_faster(self) -> None:
        real = datetime.now(UTC) - timedelta(seconds=10)
        clock = clock_of(settings(clock_anchor_real=real, clock_anchor_business=OPENING, clock_speed=360.0))
        passed = clock.now() - OPENING
        assert timedelta(hours=1) <= passed < timedelta(hours=1, minutes=10)
        assert clock.now().utcoffset() == timedelta(0)

    def test_processes_that_start_at_different_moments_read_the_same_time(self) -> None:
        same = {
            "clock_anchor_real": datetime.now(UTC),
            "clock_anchor_business": OPENING,
            "clock_speed": 9_000.0,
        }
        early = clock_of(settings(**same))
        while early.now() - OPENING < timedelta(minutes=2):
            pass  # some business time goes by before the other process starts
        late = clock_of(settings(**same))
        assert early.now() <= late.now() <= early.now()


def test_business_time_is_as_fine_as_the_store_keeps_it() -> None:
    """Else what a command decides by and what is read again would differ, in timers and consumers too."""
    anchor = datetime(2026, 11, 24, 1, 0, 0, 1, tzinfo=UTC)
    simulated = SimulatedClock(anchor_real=anchor, anchor_business=anchor, speed=1.7)
    for clock in (RealClock(), simulated):
        assert {clock.now().microsecond % 1000 for _ in range(20)} == {0}
