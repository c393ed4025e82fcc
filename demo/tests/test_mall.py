"""The cast is read from the example data; the day is one on which nothing is special."""

from datetime import UTC, date, datetime, time, timedelta

from demo.clock import DemoClock
from demo.mall import read_mall

from local.seed import FILE

MALL = read_mall(FILE)


def test_the_example_has_29_counters_each_with_a_desk_and_something_to_offer():
    assert len(MALL.counters) == 29
    assert {desk.counter_id for desk in MALL.desks} == set(MALL.counters)
    assert {offer.counter_id for offer in MALL.offers} == set(MALL.counters)


def test_the_day_is_the_next_tuesday_or_wednesday():
    assert MALL.ordinary_day(date(2026, 11, 25)) == date(2026, 12, 1)
    assert MALL.ordinary_day(date(2026, 12, 1)) == date(2026, 12, 2)


def test_holidays_are_passed_over():
    tuesday_holiday = date(2026, 6, 16)
    assert tuesday_holiday in MALL.special_days
    assert MALL.ordinary_day(tuesday_holiday - timedelta(days=1)) == date(2026, 6, 17)


def test_local_times_are_those_of_makassar():
    assert MALL.at(date(2026, 12, 1), time(8, 0)) == datetime(2026, 12, 1, 0, 0, tzinfo=UTC)


def test_the_clock_tells_processes_what_it_believes_itself():
    anchor = datetime(2026, 12, 1, tzinfo=UTC)
    clock = DemoClock(anchor_real=datetime.now(UTC), anchor_business=anchor, speed=360.0)
    assert clock.env()["GERAI_CLOCK_ANCHOR_BUSINESS"] == anchor.isoformat()
    assert timedelta(0) <= clock.now() - anchor < timedelta(hours=1)
    assert clock.real_seconds(timedelta(hours=1)) == 10.0
    assert clock.real_seconds(timedelta(hours=-1)) == 0.0
