"""What people read where a value does not fit."""

from gerai.messaging.refusal import Sentence

SENTENCES: dict[str, Sentence] = {
    # the codes that the domain's own types raise
    "line_break": Sentence("Teks ini harus satu baris.", "The text must be on one line."),
    "unknown_zone": Sentence(
        "Zona waktu ini tidak ada dalam daftar IANA (contoh: Asia/Makassar).",
        "This is not a time zone of the IANA list, such as Asia/Makassar.",
    ),
    "closes_before_opening": Sentence(
        "Jam buka harus lebih awal daripada jam tutup.", "The opening time must be before the closing time."
    ),
    "hours_overlap": Sentence("Jam layanan saling tumpang tindih.", "The hours overlap."),
    "ends_before_start": Sentence(
        "Jeda harus mulai sebelum berakhir.", "The break must start before it ends."
    ),
    "weekday_repeated": Sentence("Hari yang sama muncul dua kali.", "A weekday is listed twice."),
    "date_repeated": Sentence("Tanggal yang sama muncul dua kali.", "A date is listed twice."),
    "agreement_ends_before_start": Sentence(
        "Perjanjian harus mulai sebelum berakhir.", "The agreement must start before it ends."
    ),
}

INVALID_BECAUSE: dict[str, Sentence] = {
    # the form of a value, all under the code `invalid`: what pydantic calls it is not our language
    "string_pattern_mismatch": Sentence(
        "Bentuk isian ini tidak sesuai ketentuan.", "The value does not have the required form."
    ),
    "string_too_short": Sentence("Kolom ini tidak boleh kosong.", "This field must not be empty."),
    "string_too_long": Sentence("Isian ini terlalu panjang.", "The text is too long."),
    "too_long": Sentence("Terlalu banyak isian dalam daftar ini.", "The list has too many items."),
    "too_short": Sentence("Daftar ini kurang isiannya.", "The list has too few items."),
    "greater_than_equal": Sentence("Angka ini terlalu kecil.", "The number is too small."),
    "less_than_equal": Sentence("Angka ini terlalu besar.", "The number is too large."),
    "enum": Sentence("Pilihan ini tidak dikenal.", "This is not one of the choices."),
}
