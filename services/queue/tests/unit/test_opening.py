"""When a service gives numbers: each check, their order, and the promise of when it gives them again."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from queue_builders import TODAY, Hall, catalogue

from gerai.messaging.refusal import Refusal
from gerai.queue.domain.catalogue import Catalogue
from gerai.queue.domain.end_of_day import day_ends_at
from gerai.queue.domain.opening import Code, Opening
from gerai.queue.domain.rules import RangeEnd, Rules
from gerai.queue.domain.service_day import ServiceDay
from gerai.queue.use_cases.close_service import close_service
from gerai.queue.use_cases.show_availability import show_availability
from gerai.register.testing import (
    MAKASSAR,
    TENANT,
    calendar,
    counter,
    holiday,
    interval,
    override,
    pause,
    service,
    site,
    week,
)

TUESDAY = date(2026, 11, 24)
WEDNESDAY = date(2026, 11, 25)
FRIDAY = date(2026, 11, 27)
SATURDAY = date(2026, 11, 28)
MONDAY = date(2026, 11, 30)
PASSPORTS = calendar(
    "service:nib",
    week=week(interval("08:00", "14:00")),
    breaks=(pause("11:30", "13:00", 4, label="friday_prayer"),),
    cutoff_minutes=60,
)
"""The shipped hours of a passport service."""


def local(day: date, clock: str) -> datetime:
    hours, minutes = clock.split(":")
    return datetime(day.year, day.month, day.day, int(hours), int(minutes), tzinfo=MAKASSAR).astimezone(UTC)


def nib_day(known: Catalogue, *, issued: int = 0, closed: bool = False, day: date = TUESDAY) -> ServiceDay:
    found = ServiceDay.of(known.service("nib", tenant=TENANT), day.isoformat())
    return found.model_copy(update={"issued": issued, "closed": closed, "prefix": "A" if issued else ""})


def asked(known: Catalogue, at: datetime, **of_day) -> Opening:
    today = [nib_day(known, **of_day)] if of_day else []
    return known.opening_of(known.service("nib", tenant=TENANT), today[0] if today else None, today, at=at)


FACTS = ("inactive", "manual", "holiday", "date", "day", "break", "early", "late", "quota", "range", "prefix")
CODES = list(Code)


@given(facts=st.sets(st.sampled_from(FACTS)))
def test_the_first_check_that_fails_is_the_answer(facts):
    """Each fact alone would close the service; together the earliest in the order answers."""
    if {"early", "late"} <= facts:
        facts = facts - {"late"}
    if facts & {"early", "late"}:
        facts = facts - {"break"}
    day = SATURDAY if "day" in facts else TUESDAY
    clock = "07:00" if "early" in facts else "15:10" if "late" in facts else "12:30"
    known = catalogue(
        service(
            active="inactive" not in facts, daily_quota=5, number_range_end=4 if "range" in facts else 999
        ),
        calendar(
            holidays=(holiday(day),) if "holiday" in facts else (),
            overrides=(override(day),) if "date" in facts else (),
            breaks=(pause("12:00", "13:00", 1),) if "break" in facts else (),
        ),
        rules=Rules(range_end=RangeEnd.REFUSE),
    )
    own = nib_day(known, issued=5 if "quota" in facts else 4, closed="manual" in facts, day=day)
    others = ServiceDay.of(known.service("izin", tenant=TENANT), day.isoformat())
    others.prefix = "A" if "prefix" in facts else "B"
    if "prefix" in facts:
        own.prefix = ""
    found = known.opening_of(known.service("nib", tenant=TENANT), own, [own, others], at=local(day, clock))
    expected = min((FACTS.index(fact) for fact in facts), default=len(FACTS))
    assert found.code is CODES[expected]


def test_quota():
    known = catalogue(service(daily_quota=30))
    assert asked(known, local(TUESDAY, "09:00"), issued=29).code is Code.AVAILABLE
    assert asked(known, local(TUESDAY, "09:00"), issued=30).code is Code.QUOTA_REACHED


@pytest.mark.parametrize("withdrawn", [service(active=False), counter(active=False), site(active=False)])
def test_what_is_withdrawn_closes_what_hangs_on_it_and_promises_nothing(withdrawn):
    found = asked(catalogue(withdrawn), local(TUESDAY, "09:00"), issued=0)
    assert found == Opening(Code.SERVICE_CLOSED)


class TestWhenAgain:
    @pytest.mark.parametrize(
        ("clock", "code", "opens"),
        [
            ("07:00", Code.NOT_OPEN_YET, "08:00"),
            ("11:31", Code.BREAK, "2026-11-30 08:00"),
            ("13:00", Code.CUTOFF_PASSED, "2026-11-30 08:00"),
        ],
    )
    def test_after_a_break_that_ends_with_the_cutoff_is_another_day(self, clock, code, opens):
        found = asked(catalogue(PASSPORTS), local(FRIDAY, clock))
        assert (found.code, found.opens) == (code, opens)

    def test_is_the_next_day_where_todays_numbers_are_all_given_though_a_break_is_now(self):
        known = catalogue(service(daily_quota=5), calendar(breaks=(pause("12:00", "13:00", 1),)))
        found = asked(known, local(TUESDAY, "12:30"), issued=5)
        assert (found.code, found.opens) == (Code.BREAK, "2026-11-25 08:00")

    def test_is_the_next_day_where_the_office_has_closed_the_service(self):
        found = asked(catalogue(), local(TUESDAY, "07:00"), closed=True)
        assert (found.code, found.opens) == (Code.MANUAL_CLOSED, "2026-11-25 08:00")

    def test_is_unknown_where_it_does_not_open_soon(self):
        assert asked(catalogue(calendar(week=())), local(TUESDAY, "09:00")) == Opening(Code.DAY_CLOSED)

    async def test_is_told_in_words_and_as_an_instant(self, hall: Hall):
        hall.catalogue = catalogue(PASSPORTS)
        with pytest.raises(Refusal) as refused:
            await hall.issues("nib", at=local(FRIDAY, "11:31"))
        assert refused.value.details["opens_at"] == "2026-11-30T00:00:00Z"
        assert "Senin 30 November 2026 pukul 08:00" in refused.value.text("id")
        assert "on Monday 30 November 2026 at 08:00" in refused.value.text("en")
        with pytest.raises(Refusal) as refused:
            await hall.issues("nib", at=local(FRIDAY, "07:00"))
        assert refused.value.text("en") == "Not open yet; opens at 08:00."
        hall.catalogue = catalogue(calendar(week=()))
        with pytest.raises(Refusal) as refused:
            await hall.issues("nib", at=local(FRIDAY, "07:00"))
        assert "not within the next 60 days" in refused.value.text("en")

    async def test_is_what_availability_says_and_what_issuing_does(self, hall: Hall):
        hall.catalogue = catalogue(PASSPORTS, service(daily_quota=1))
        at = local(WEDNESDAY, "09:00")
        await hall.issues("nib", at=at)
        await hall.acts(close_service, "izin", at=at, reason=None)
        views = await show_availability("mpp", uow=hall.queries, at=at, catalogue=hall.catalogue)
        promised = {view.service_id: view.opens_at for view in views}
        assert promised["pajak"] is None
        for service_id in ("nib", "izin"):
            opens = promised[service_id]
            assert opens is not None
            with pytest.raises(Refusal):
                await hall.issues(service_id, at=opens - timedelta(seconds=1))
            assert (await hall.issues(service_id, at=opens)).local_day == "2026-11-26"


@settings(max_examples=50, deadline=None)
@given(
    opens=st.integers(0, 22),
    length=st.integers(1, 12),
    lunch=st.integers(0, 22),
    cutoff=st.integers(0, 240),
    closed_days=st.sets(st.integers(0, 6)),
    minute=st.integers(0, 3 * 24 * 60),
    facts=st.sets(st.sampled_from(["manual", "quota"])),
)
def test_at_the_promised_instant_a_number_is_given_and_at_no_instant_before(
    opens, length, lunch, cutoff, closed_days, minute, facts
):
    closes = min(opens + length, 24)
    known = catalogue(
        service(daily_quota=1),
        calendar(
            week=week(
                interval(f"{opens:02d}:00", f"{closes:02d}:00"),
                weekdays=[day for day in range(7) if day not in closed_days],
            ),
            breaks=(pause(f"{lunch:02d}:00", f"{lunch + 1:02d}:00", *range(7)),),
            cutoff_minutes=cutoff,
        ),
    )
    at = local(TUESDAY, "00:00") + timedelta(minutes=minute)
    nib = known.service("nib", tenant=TENANT)

    def asked_at(moment: datetime) -> Opening:
        """On the first day the facts hold; a later day begins without numbers."""
        day = moment.astimezone(MAKASSAR).date()
        held = facts if day == at.astimezone(MAKASSAR).date() else set()
        own = nib_day(known, issued=int("quota" in held), closed="manual" in held, day=day)
        return known.opening_of(nib, own, [own], at=moment)

    said = asked_at(at)
    if said.code is Code.AVAILABLE:
        assert said.opens_at is None
        return
    if said.opens_at is not None:
        assert asked_at(said.opens_at).code is Code.AVAILABLE
    moment, ends = at, said.opens_at or at + timedelta(days=3)
    while moment < ends:
        assert asked_at(moment).code is not Code.AVAILABLE, moment
        moment += timedelta(minutes=20)


class TestEndOfDay:
    def test_is_some_time_after_the_last_closing_of_any_service(self):
        late = calendar("counter:samsat", week=week(interval("08:00", "17:00")))
        known = catalogue(late, rules=Rules(end_after_closing_minutes=30))
        assert day_ends_at(known, "mpp", TODAY) == local(TUESDAY, "17:30")

    def test_is_local_midnight_at_the_latest(self):
        known = catalogue(rules=Rules(end_after_closing_minutes=600))
        assert day_ends_at(known, "mpp", TODAY) == local(WEDNESDAY, "00:00")

    def test_of_a_closed_day_is_midnight(self):
        assert day_ends_at(catalogue(), "mpp", SATURDAY.isoformat()) == local(date(2026, 11, 29), "00:00")

    def test_of_a_holiday_is_midnight(self):
        assert day_ends_at(catalogue(calendar(holidays=(holiday(TUESDAY),))), "mpp", TODAY) == local(
            WEDNESDAY, "00:00"
        )
