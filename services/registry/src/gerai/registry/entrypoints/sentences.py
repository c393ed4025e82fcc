"""What people read where the domain's own types refuse a value, by the code that they raise."""

from gerai.messaging.refusal import LocalizedText

SENTENCES: dict[str, LocalizedText] = {
    "unknown_zone": LocalizedText(
        "Zona waktu ini tidak ada dalam daftar IANA (contoh: Asia/Makassar).",
        "This is not a time zone of the IANA list, such as Asia/Makassar.",
    ),
    "closes_before_opening": LocalizedText(
        "Jam buka harus lebih awal daripada jam tutup.", "The opening time must be before the closing time."
    ),
    "hours_overlap": LocalizedText("Jam layanan saling tumpang tindih.", "The hours overlap."),
    "ends_before_start": LocalizedText(
        "Jeda harus mulai sebelum berakhir.", "The break must start before it ends."
    ),
    "period_ends_before_start": LocalizedText(
        "Masa berlaku harus mulai sebelum berakhir.", "The period must start before it ends."
    ),
    "weekday_repeated": LocalizedText("Hari yang sama muncul dua kali.", "A weekday is listed twice."),
    "date_repeated": LocalizedText("Tanggal yang sama muncul dua kali.", "A date is listed twice."),
    "agreement_ends_before_start": LocalizedText(
        "Perjanjian harus mulai sebelum berakhir.", "The agreement must start before it ends."
    ),
}
