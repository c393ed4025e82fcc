"""Why a legal clock does not do what is asked of it."""

from typing import ClassVar

from gerai.messaging.refusal import LocalizedText, Refusal

ENDED = LocalizedText(
    "Jangka waktu permohonan ini sudah berakhir.", "The legal time of this application has ended."
)
LAPSED = LocalizedText(
    "Jangka waktu permohonan ini sudah habis pada {lapsed_at}.",
    "The legal time of this application ran out at {lapsed_at}.",
)


class UnableToReckonClock(Refusal):
    sentences: ClassVar[dict[str, LocalizedText]] = {
        "no_working_days": LocalizedText(
            "Kalender instansi tidak memuat cukup hari kerja.", "The calendar has too few working days."
        ),
    }


class UnableToPauseClock(Refusal):
    sentences: ClassVar[dict[str, LocalizedText]] = {
        "ended": ENDED,
        "lapsed": LAPSED,
        "paused_already": LocalizedText(
            "Permohonan ini sudah menunggu pemohon.", "The file is with the applicant already."
        ),
        "times_used_up": LocalizedText(
            "Permintaan kepada pemohon sudah {times} kali; lebih dari itu tidak diperbolehkan.",
            "The applicant was asked {times} times already; no more are allowed.",
        ),
        "days_used_up": LocalizedText(
            "Jatah {days} hari kerja untuk menunggu pemohon sudah habis.",
            "The {days} working days for waiting for the applicant are used up.",
        ),
        "last_day": LocalizedText(
            "Hari ini hari terakhir jangka waktu; permintaan kepada pemohon tidak lagi menghentikannya.",
            "This is the last day of the legal time; a question can't stop it any more.",
        ),
    }


class UnableToResumeClock(Refusal):
    sentences: ClassVar[dict[str, LocalizedText]] = {
        "ended": ENDED,
        "lapsed": LAPSED,
        "not_paused": LocalizedText(
            "Permohonan ini tidak sedang menunggu pemohon.", "The file is not with the applicant."
        ),
        "budget_left": LocalizedText(
            "Jatah waktu pemohon belum habis.", "The applicant still has time to answer."
        ),
    }


class UnableToWarnOfClock(Refusal):
    sentences: ClassVar[dict[str, LocalizedText]] = {
        "ended": ENDED,
        "not_due": LocalizedText("Belum saatnya.", "It is not time yet."),
        "warned_already": LocalizedText("Sudah diperingatkan.", "The warning was given already."),
    }


class UnableToLapseClock(Refusal):
    sentences: ClassVar[dict[str, LocalizedText]] = {
        "ended": ENDED,
        "not_due": LocalizedText("Jangka waktu belum habis.", "The legal time has not run out yet."),
    }


class UnableToStopClock(Refusal):
    sentences: ClassVar[dict[str, LocalizedText]] = {"ended": ENDED, "lapsed": LAPSED}


class UnableToRescheduleClock(Refusal):
    sentences: ClassVar[dict[str, LocalizedText]] = {"ended": ENDED, "lapsed": LAPSED}
