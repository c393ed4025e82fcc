"""How the queue says no. Codes are stable; the sentence is for a clerk or a visitor, Indonesian first."""

from typing import ClassVar

from gerai.messaging.refusal import Refusal, RefusalKind, Sentence


class UnableToIssueTicket(Refusal):
    """A service takes nobody now. The codes are the issue checks, in the order in which they are made."""

    sentences: ClassVar[dict[str, Sentence]] = {
        "service_closed": Sentence("Layanan ini tidak tersedia.", "This service is not offered."),
        "manual_closed": Sentence(
            "Layanan ditutup sementara oleh petugas.", "The office has closed this service."
        ),
        "holiday": Sentence("Hari ini libur.", "Today is a holiday."),
        "date_closed": Sentence("Layanan tutup pada tanggal ini.", "This service is closed on this date."),
        "day_closed": Sentence(
            "Layanan tidak buka pada hari ini.", "This service is not open on this weekday."
        ),
        "break": Sentence("Sedang waktu istirahat.", "It is break time."),
        "not_open_yet": Sentence("Layanan belum buka.", "This service is not open yet."),
        "cutoff_passed": Sentence(
            "Pengambilan nomor hari ini sudah ditutup.", "The last number of today has been given."
        ),
        "quota_reached": Sentence("Kuota hari ini sudah habis.", "Today's quota is used up."),
        "range_ended": Sentence("Nomor antrean hari ini sudah habis.", "Today's numbers are used up."),
    }


class UnableToChangeTicket(Refusal):
    """The step does not fit the state in which the ticket is."""

    sentences: ClassVar[dict[str, Sentence]] = {
        "wrong_state": Sentence(
            "Nomor {number} sedang berstatus {state}; tindakan ini tidak dapat dilakukan.",
            "Ticket {number} is {state}; this cannot be done now.",
        ),
        "called_too_soon": Sentence(
            "Nomor {number} baru saja dipanggil; tunggu {seconds} detik lagi.",
            "Ticket {number} was called just now; wait {seconds} more seconds.",
        ),
        "recall_limit_reached": Sentence(
            "Nomor {number} sudah dipanggil {calls} kali.", "Ticket {number} has been called {calls} times."
        ),
        "not_called_enough": Sentence(
            "Nomor {number} baru dipanggil {calls} kali; panggil {limit} kali dahulu.",
            "Ticket {number} was called {calls} times; call {limit} times first.",
        ),
        "too_late": Sentence(
            "Nomor {number} sudah lewat batas waktu untuk kembali.",
            "It is too late to bring ticket {number} back.",
        ),
        "reinstated_before": Sentence(
            "Nomor {number} sudah pernah dikembalikan.", "Ticket {number} was brought back once already."
        ),
        "same_service": Sentence(
            "Nomor {number} sudah berada di layanan ini.", "Ticket {number} is at this service already."
        ),
    }


class UnableToUseDesk(Refusal):
    """The desk is not in a position to do this."""

    sentences: ClassVar[dict[str, Sentence]] = {
        "desk_closed": Sentence("Loket belum dibuka.", "The desk is not open."),
        "desk_busy": Sentence(
            "Loket masih melayani nomor lain; selesaikan dahulu.",
            "The desk still has a ticket; finish it first.",
        ),
        "desk_idle": Sentence("Tidak ada nomor di loket ini.", "There is no ticket at this desk."),
        "other_counter": Sentence("Nomor ini milik gerai lain.", "This ticket belongs to another counter."),
        "nobody_waiting": Sentence("Tidak ada yang menunggu.", "Nobody is waiting."),
    }


class UnableToTransfer(Refusal):
    """The visitor cannot be sent there."""

    kind = RefusalKind.INVALID
    sentences: ClassVar[dict[str, Sentence]] = {
        "other_site": Sentence("Layanan itu di lokasi lain.", "That service is at another site."),
    }


class UnableToChangeRules(Refusal):
    kind = RefusalKind.STALE
    sentences: ClassVar[dict[str, Sentence]] = {
        "stale_version": Sentence(
            "Aturan sudah berubah sejak Anda membacanya (kini versi {version}).",
            "The rules have changed since you read them (now version {version}).",
        ),
    }
