import json
from datetime import UTC, datetime

import pytest

from gerai.chassis.clock import SimulatedClock
from local import clock, seed
from local.failure import UnableToStart

SATURDAY_EVENING = datetime(2026, 11, 28, 19, 40, tzinfo=UTC)
DATA = json.loads(seed.FILE.read_text(encoding="utf-8"))


@pytest.fixture(autouse=True)
def _no_anchors(monkeypatch: pytest.MonkeyPatch) -> None:
    for key in clock.ANCHORS:
        monkeypatch.delenv(key, raising=False)


class TestAPracticeMorning:
    @pytest.mark.parametrize(
        ("now", "begins"),
        [
            ("2026-11-28T19:40:00+00:00", "2026-11-30T08:30:00+08:00"),  # Saturday night there is Sunday
            ("2026-11-30T23:00:00+08:00", "2026-11-30T08:30:00+08:00"),  # a Monday, whatever its hour
            ("2026-09-03T17:00:00+00:00", "2026-09-07T08:30:00+08:00"),  # Friday has other hours than usual
            ("2026-12-25T09:00:00+08:00", "2026-12-28T08:30:00+08:00"),  # a holiday before a weekend
        ],
    )
    def test_is_that_of_the_next_ordinary_working_day(self, now, begins):
        found = clock.next_morning(datetime.fromisoformat(now), DATA)
        assert found == datetime.fromisoformat(begins)
        assert found.isoformat() == begins

    def test_begins_now_in_every_process(self):
        chosen = clock.chosen("morning", now=SATURDAY_EVENING)
        real, business = (datetime.fromisoformat(chosen.env[key]) for key in clock.ANCHORS)
        told = SimulatedClock(anchor_real=real, anchor_business=business, speed=1.0)
        assert told.anchor_real == SATURDAY_EVENING
        assert told.anchor_business == chosen.begins

    def test_is_not_found_in_a_register_without_working_days(self):
        never = {**DATA, "calendars": [{**DATA["calendars"][0], "week": []}]}
        with pytest.raises(UnableToStart, match="no working day within 60 days"):
            clock.next_morning(SATURDAY_EVENING, never)


class TestTheDataOfAClock:
    def test_lie_apart_so_that_no_real_day_finds_numbers_of_one_to_come(self, monkeypatch):
        profiles = [clock.chosen(name, now=SATURDAY_EVENING).profile for name in ("", "morning")]
        for key in clock.ANCHORS:
            monkeypatch.setenv(key, SATURDAY_EVENING.isoformat())
        profiles.append(clock.chosen("", now=SATURDAY_EVENING).profile)
        assert profiles == ["up", "morning", "anchored"]


def test_another_name_is_refused_with_the_one_there_is():
    with pytest.raises(UnableToStart, match="no CLOCK=evening: it is morning, or left out"):
        clock.chosen("evening", now=SATURDAY_EVENING)
