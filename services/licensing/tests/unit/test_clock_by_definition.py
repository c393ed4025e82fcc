"""A second count, from the definition and day by day, agrees with the clock on random calendars and histories.

It shares no code with the clock: it knows instants, and asks of each day who had the file when the day began.
"""

import os
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import cache, partial
from random import Random

from licensing_calendar import DAY, PlainCalendar, moment

from gerai.licensing.domain.clock_terms import Budget, ClockTerms, PauseKind, PauseReason
from gerai.licensing.domain.legal_clock import LegalClock
from gerai.licensing.domain.working_days import Almanac, Outage, start_of
from gerai.messaging.refusal import Refusal

HISTORIES = int(os.environ.get("GERAI_CLOCK_HISTORIES", "10000"))
ZONE = str(PlainCalendar.zone)
SEASON = [date(2026, 11, 1) + i * DAY for i in range(120)]
midnight = cache(partial(start_of, zone=ZONE))


@dataclass
class History:
    """What happened to a case, as instants."""

    terms: ClockTerms
    complete_at: datetime
    calendars: list[tuple[datetime, PlainCalendar]]
    outages: list[tuple[datetime, Outage]] = field(default_factory=list)
    pauses: list[tuple[datetime, datetime | None]] = field(default_factory=list)

    def calendar_at_the_end_of(self, day: date) -> PlainCalendar:
        ends = midnight(day + DAY)
        return next(calendar for since, calendar in reversed(self.calendars) if since < ends)

    def outage_known(self, day: date, before: datetime) -> bool:
        return any(one.first <= day <= one.last for since, one in self.outages if since < before)

    def with_applicant_when_it_began(self, day: date) -> bool:
        """The day of an answer begins with the applicant; where the day of arrival counts, it is the office's."""
        begins, ends = midnight(day), midnight(day + DAY)
        back = ends if self.terms.arrival_day_counts else begins
        return any(asked < begins and (answer is None or answer >= back) for asked, answer in self.pauses)

    def count(self) -> tuple[date, dict[date, int]]:
        """The last day of the legal time if nothing else happens, and how many days are used when each day begins."""
        arrived = self.complete_at.astimezone(PlainCalendar.zone).date()
        day = arrived if self.terms.arrival_day_counts else arrived + DAY
        counted: list[date] = []
        used, budget = {day: 0}, self.terms.clarification.days
        while True:
            ends = midnight(day + DAY)
            if self.calendar_at_the_end_of(day).on(day).works and not self.outage_known(day, ends):
                if budget > 0 and self.with_applicant_when_it_began(day):
                    budget -= 1
                else:
                    counted.append(day)
            used[day + DAY] = len(counted)
            back = sum(self.outage_known(one, ends) for one in counted) if self.outages else 0
            if len(counted) - back >= self.terms.working_days:
                return day, used
            day += DAY


class Play:
    """A random history, told to the clock step by step."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self.now = moment("2026-11-02 00:00") + timedelta(minutes=self.random.randrange(60 * 24 * 60))
        terms = ClockTerms(
            working_days=self.random.randint(1, 12),
            clarification=Budget(times=self.random.randint(0, 4), days=self.random.randint(0, 9)),
            arrival_day_counts=self.random.random() < 0.3,
        )
        calendar = self.some_calendar()
        self.history = History(terms, self.now, [(self.now, calendar)])
        self.almanac = Almanac(calendar)
        self.clock = LegalClock.start(terms, almanac=self.almanac, at=self.now)

    def some_calendar(self) -> PlainCalendar:
        week = self.random.choice([range(5), range(6), range(7), (0, 2, 4)])
        return PlainCalendar(self.random.sample(SEASON, self.random.randint(0, 30)), week=week)

    def go_on(self) -> None:
        for _ in range(self.random.randint(0, 8)):
            self.now += timedelta(minutes=self.random.choice([0, 30, 600, 1_440, 3_000, 7_000]))
            if self.clock.has_lapsed(self.now):
                return
            if self.clock.open_pause and not self.clock.is_paused(self.now):
                self.clock = self.clock.resume_by_itself(at=self.now)
            self.random.choice(
                [self.ask, self.answer, self.ask, self.answer, self.another_calendar, self.outage]
            )()

    def ask(self) -> None:
        try:
            self.clock = self.clock.pause(
                PauseKind.CLARIFICATION, PauseReason.PAPER_WRONG, almanac=self.almanac, at=self.now
            )
        except Refusal:
            return
        self.history.pauses.append((self.now, None))

    def answer(self) -> None:
        try:
            self.clock = self.clock.answer(almanac=self.almanac, at=self.now)
        except Refusal:
            return
        self.history.pauses[-1] = (self.history.pauses[-1][0], self.now)

    def another_calendar(self) -> None:
        self.history.calendars.append((self.now, self.some_calendar()))
        self.reschedule()

    def outage(self) -> None:
        first = self.clock.day_of(self.now) + self.random.randint(-6, 6) * DAY
        outage = Outage(decree="1", first=first, last=first + self.random.randint(0, 4) * DAY)
        self.history.outages.append((self.now, outage))
        self.reschedule()

    def reschedule(self) -> None:
        calendar = self.history.calendars[-1][1]
        self.almanac = Almanac(calendar, [outage for _, outage in self.history.outages])
        self.clock = self.clock.reschedule(almanac=self.almanac, at=self.now)


def test_a_count_from_the_definition_agrees_on_random_calendars_and_histories():
    moved = 0
    for seed in range(HISTORIES):
        play = Play(seed)
        play.go_on()
        due, used = play.history.count()
        assert play.clock.due == due, f"seed {seed}: {play.history} {play.clock}"
        told = {day: play.clock.consumed(midnight(day)) for day in used}
        assert told == used, f"seed {seed}: {play.history} {play.clock}"
        moved += len(play.history.pauses) > 0
    assert moved > HISTORIES / 4, "too few of the histories have a pause"
