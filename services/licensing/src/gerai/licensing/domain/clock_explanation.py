"""Why the deadline is that day: every day of a clock, counted or not, and why."""

from datetime import date, datetime, timedelta
from enum import StrEnum

from gerai.licensing.domain.clock_records import ClockValue, Pause
from gerai.licensing.domain.legal_clock import LegalClock
from gerai.licensing.domain.working_days import DayMark
from gerai.messaging.refusal import LocalizedText


class DayReason(StrEnum):
    """What an explanation says of a day; screens have a sentence for each (`SENTENCES`)."""

    COUNTED = "counted"
    GIVEN_BACK = "given_back"
    WEEKLY_REST = "weekly_rest"
    HOLIDAY = "holiday"
    OUTAGE = "outage"
    WITH_APPLICANT = "with_applicant"
    FILE_CAME_IN = "file_came_in"


REASONS = {
    DayMark.COUNTED: DayReason.COUNTED,
    DayMark.GIVEN_BACK: DayReason.GIVEN_BACK,
    DayMark.RESTS: DayReason.WEEKLY_REST,
    DayMark.HOLIDAY: DayReason.HOLIDAY,
    DayMark.OUTAGE: DayReason.OUTAGE,
    DayMark.PAUSED: DayReason.WITH_APPLICANT,
}

SENTENCES = {
    DayReason.COUNTED: LocalizedText("Hari kerja ke-{number}.", "Working day {number}."),
    DayReason.GIVEN_BACK: LocalizedText(
        "Hari kerja ke-{number}; diganti karena gangguan menurut {note}.",
        "Working day {number}; given back for the outage of decree {note}.",
    ),
    DayReason.WEEKLY_REST: LocalizedText("Bukan hari kerja.", "The office does not work on this weekday."),
    DayReason.HOLIDAY: LocalizedText("Libur: {note}.", "Closed: {note}."),
    DayReason.OUTAGE: LocalizedText(
        "Gangguan menurut {note}; tidak dihitung.", "An outage by decree {note}: not counted."
    ),
    DayReason.WITH_APPLICANT: LocalizedText(
        "Menunggu pemohon; tidak dihitung.", "Waiting for the applicant: not counted."
    ),
    DayReason.FILE_CAME_IN: LocalizedText(
        "Berkas lengkap; dihitung mulai hari berikutnya.",
        "The file was complete; the day after is the first that counts.",
    ),
}


class ExplainedDay(ClockValue):
    day: date
    counted: bool
    """Whether the office has used the day, or will have."""
    reason: DayReason
    number: int | None = None
    """Of a counted day: 1, 2, 3, …"""
    note: str = ""
    """The holiday's name or the decree's number."""
    pause: Pause | None = None
    """Of a day with the applicant: since when, and why."""
    over: bool
    """The day is past: nothing changes it any more. Of the others the clock says what it expects."""

    def text(self, language: str) -> str:
        return SENTENCES[self.reason].in_language(language).format(number=self.number, note=self.note)


def explain(clock: LegalClock, *, at: datetime) -> tuple[ExplainedDay, ...]:
    """From the day on which the file was complete to the last day of the legal time, or to the day on which the clock ended."""
    today, arrived = clock.day_of(at), clock.day_of(clock.started_at)
    ended = clock.day_of(clock.ended_at) if clock.ended_at else clock.due
    notes = {note.day: note.text for note in clock.notes}
    days, number = [], 0
    if arrived < clock.first:
        days.append(
            ExplainedDay(day=arrived, counted=False, reason=DayReason.FILE_CAME_IN, over=arrived < today)
        )
    for index, letter in enumerate(clock.marks):
        day, mark = clock.first + timedelta(days=index), DayMark(letter)
        if day > ended:
            break
        counted = mark in (DayMark.COUNTED, DayMark.GIVEN_BACK)
        number += counted
        days.append(
            ExplainedDay(
                day=day,
                counted=counted,
                reason=REASONS[mark],
                number=number if counted else None,
                note=notes.get(day, ""),
                pause=_pause_on(clock, day) if mark is DayMark.PAUSED else None,
                over=day < today,
            )
        )
    return tuple(days)


def _pause_on(clock: LegalClock, day: date) -> Pause | None:
    return next(
        (
            pause
            for pause in reversed(clock.pauses)
            if pause.since < day and (pause.until is None or day <= pause.until)
        ),
        None,
    )
