"""Why a ticket can't take a step. Every refusal carries the state that the ticket is in."""

from collections.abc import Mapping
from typing import Any, ClassVar

from gerai.contracts.queue import TicketState
from gerai.messaging.refusal import LocalizedText, Refusal, RefusalKind, Term

STATE_WORDS = {
    state: Term(state.value, localized)
    for state, localized in {
        TicketState.WAITING: LocalizedText("sedang menunggu", "waiting"),
        TicketState.CALLED: LocalizedText("sedang dipanggil", "called"),
        TicketState.SERVING: LocalizedText("sedang dilayani", "being served"),
        TicketState.SERVED: LocalizedText("sudah selesai dilayani", "served"),
        TicketState.HELD: LocalizedText("sedang ditunda", "on hold"),
        TicketState.AWAITING_PICKUP: LocalizedText("menunggu pengambilan", "waiting for its pickup"),
        TicketState.NO_SHOW: LocalizedText("dinyatakan tidak hadir", "a no-show"),
        TicketState.CANCELLED: LocalizedText("sudah dibatalkan", "cancelled"),
        TicketState.EXPIRED: LocalizedText("sudah berakhir", "expired"),
    }.items()
}


def wrong_state(indonesian: str, english: str) -> dict[str, LocalizedText]:
    return {
        "wrong_state": LocalizedText(
            f"Nomor {{number}} tidak dapat {indonesian}: statusnya {{state}}.",
            f"Ticket {{number}} can't be {english}: it is {{state}}.",
        )
    }


class UnableToMoveTicket(Refusal):
    """A ticket can't take a step."""

    example: ClassVar[Mapping[str, Any]] = {"number": "A-012", "state": STATE_WORDS[TicketState.SERVED]}


class UnableToCallTicket(UnableToMoveTicket):
    sentences: ClassVar[dict[str, LocalizedText]] = {
        **wrong_state("dipanggil", "called"),
        "called_just_now": LocalizedText(
            "Nomor {number} baru saja dipanggil; tunggu beberapa menit.",
            "Ticket {number} was called only minutes ago.",
        ),
        "other_counter": LocalizedText(
            "Loket ini tidak melayani layanan nomor {number}.",
            "This desk does not serve the service of ticket {number}.",
        ),
    }


class UnableToRecallTicket(UnableToMoveTicket):
    sentences: ClassVar[dict[str, LocalizedText]] = wrong_state("dipanggil ulang", "called again")


class UnableToStartTicket(UnableToMoveTicket):
    sentences: ClassVar[dict[str, LocalizedText]] = wrong_state("mulai dilayani", "served")


class UnableToFinishTicket(UnableToMoveTicket):
    sentences: ClassVar[dict[str, LocalizedText]] = wrong_state("diselesaikan", "finished")


class UnableToHoldTicket(UnableToMoveTicket):
    sentences: ClassVar[dict[str, LocalizedText]] = wrong_state("ditunda", "held")


class UnableToResumeTicket(UnableToMoveTicket):
    sentences: ClassVar[dict[str, LocalizedText]] = {
        **wrong_state("dilanjutkan", "resumed"),
        "other_counter": UnableToCallTicket.sentences["other_counter"],
    }


class UnableToTransferTicket(UnableToMoveTicket):
    sentences: ClassVar[dict[str, LocalizedText]] = {
        **wrong_state("dialihkan", "transferred"),
        "other_site": LocalizedText(
            "Layanan tujuan tidak ada di MPP ini.", "The service asked for is not in this building."
        ),
        "same_service": LocalizedText(
            "Nomor ini sudah di layanan itu.", "The ticket is at this service already."
        ),
        "service_closed": LocalizedText("Layanan tujuan ditutup.", "The service asked for is closed."),
        "too_many_legs": LocalizedText("Nomor ini sudah terlalu sering dialihkan.", "Transferred too often."),
    }


class UnableToReturnTicket(UnableToMoveTicket):
    sentences: ClassVar[dict[str, LocalizedText]] = wrong_state(
        "dikembalikan ke antrean", "returned to the line"
    )


class UnableToMarkTicketMissed(UnableToMoveTicket):
    sentences: ClassVar[dict[str, LocalizedText]] = {
        **wrong_state("dinyatakan tidak hadir", "noted as missed"),
        "called_too_seldom": LocalizedText(
            "Nomor {number} baru {calls} dari {limit} kali dipanggil; beri waktu untuk datang.",
            "Ticket {number} was called {calls} of {limit} times; give the visitor time to come.",
        ),
    }
    example: ClassVar[Mapping[str, Any]] = {**UnableToMoveTicket.example, "calls": 1, "limit": 3}


class UnableToReinstateTicket(UnableToMoveTicket):
    sentences: ClassVar[dict[str, LocalizedText]] = {
        **wrong_state("diaktifkan kembali", "reinstated"),
        "too_late": LocalizedText(
            "Batas waktu {minutes} menit setelah panggilan terakhir sudah lewat.",
            "More than {minutes} minutes have passed since the last call.",
        ),
        "reinstated_before": LocalizedText(
            "Nomor {number} sudah pernah diaktifkan kembali.", "Ticket {number} was reinstated once already."
        ),
    }
    example: ClassVar[Mapping[str, Any]] = {**UnableToMoveTicket.example, "minutes": 10}


class UnableToCancelTicket(UnableToMoveTicket):
    sentences: ClassVar[dict[str, LocalizedText]] = wrong_state("dibatalkan", "cancelled")


class UnableToAwaitPickup(UnableToMoveTicket):
    sentences: ClassVar[dict[str, LocalizedText]] = wrong_state("menunggu pengambilan", "left for a pickup")


class UnableToExpireTicket(UnableToMoveTicket):
    sentences: ClassVar[dict[str, LocalizedText]] = wrong_state("diakhiri", "expired")


class UnableToIssueTicket(Refusal):
    """The first check that fails, in the fixed order of `opening`, and when numbers are given again."""

    sentences: ClassVar[dict[str, LocalizedText]] = {
        "service_closed": LocalizedText("Layanan ini tidak dibuka.", "This service is not offered."),
        "manual_closed": LocalizedText(
            "Layanan ini ditutup oleh petugas untuk hari ini; buka lagi {opens_at}.",
            "The office has closed this service for today; open again {opens_at}.",
        ),
        "holiday": LocalizedText(
            "Hari ini libur: {why}; buka lagi {opens_at}.",
            "Today is a holiday: {why}; open again {opens_at}.",
        ),
        "date_closed": LocalizedText(
            "Hari ini tutup: {why}; buka lagi {opens_at}.", "Closed today: {why}; open again {opens_at}."
        ),
        "day_closed": LocalizedText(
            "Layanan ini tutup pada hari ini; buka lagi {opens_at}.",
            "This service is closed on this weekday; open again {opens_at}.",
        ),
        "break": LocalizedText(
            "Sedang istirahat; nomor diberikan lagi {opens_at}.",
            "There is a break; numbers are given again {opens_at}.",
        ),
        "not_open_yet": LocalizedText("Belum buka; buka {opens_at}.", "Not open yet; opens {opens_at}."),
        "cutoff_passed": LocalizedText(
            "Pengambilan nomor hari ini sudah ditutup pukul {until}; buka lagi {opens_at}.",
            "No more numbers today, since {until}; open again {opens_at}.",
        ),
        "quota_reached": LocalizedText(
            "Kuota hari ini ({quota} nomor) sudah habis; buka lagi {opens_at}.",
            "Today's {quota} numbers are all given; open again {opens_at}.",
        ),
        "numbers_used_up": LocalizedText(
            "Nomor antrean hari ini sudah habis; buka lagi {opens_at}.",
            "The range of numbers is used up for today; open again {opens_at}.",
        ),
        "prefix_in_use": LocalizedText(
            "Awalan nomor layanan ini masih dipakai layanan lain hari ini; buka lagi {opens_at}.",
            "Another service has called its numbers by this prefix today; open again {opens_at}.",
        ),
    }
    example: ClassVar[Mapping[str, Any]] = {
        "field": "service_id",
        "why": "Hari Kemerdekaan",
        "opens": "08:00",
        "opens_at": Term(
            "2026-11-30T00:00:00Z",
            LocalizedText("Senin 30 November 2026 pukul 08:00", "on Monday 30 November 2026 at 08:00"),
        ),
        "until": "15:00",
        "quota": 60,
    }


class UnableToUseLink(Refusal):
    """The visitor's link leads nowhere. It says nothing about why."""

    kind = RefusalKind.NOT_FOUND
    sentences: ClassVar[dict[str, LocalizedText]] = {
        "not_found": LocalizedText("Nomor antrean tidak ditemukan.", "This ticket does not exist."),
    }
