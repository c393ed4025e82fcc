"""What people read when the web layer refuses: Indonesian first, English beside it."""

from gerai.messaging.refusal import LocalizedText

SENTENCES: dict[str, LocalizedText] = {
    "malformed_json": LocalizedText("Isi permintaan bukan JSON yang benar.", "The body is not valid JSON."),
    "unknown_field": LocalizedText("Kolom ini tidak dikenal.", "This field is not known."),
    "repeated": LocalizedText("Isian ini hanya boleh satu kali.", "This may be given only once."),
    "missing": LocalizedText("Kolom ini wajib diisi.", "This field is required."),
    "hidden_character": LocalizedText(
        "Teks memuat karakter tersembunyi yang tidak diperbolehkan.", "The text contains a hidden character."
    ),
    "line_break": LocalizedText("Teks ini harus satu baris.", "The text must be on one line."),
    "invalid": LocalizedText("Isi kolom ini tidak sesuai.", "The value of this field does not fit."),
    "body_too_large": LocalizedText("Isi permintaan terlalu besar.", "The body is too large."),
    "unsupported_media_type": LocalizedText(
        "Kirim isi permintaan dalam jenis yang disebut pada kepala Accept.",
        "Send the body as one of the types that the header Accept names.",
    ),
    "file_name_malformed": LocalizedText(
        "Nama berkas paling panjang 150 huruf, ditulis dengan encodeURIComponent.",
        "A file's name has 150 characters at most, as encodeURIComponent writes them.",
    ),
    "not_found": LocalizedText("Alamat atau data tidak ditemukan.", "This does not exist."),
    "method_not_allowed": LocalizedText(
        "Cara ini tidak berlaku untuk alamat ini.", "This method is not allowed here."
    ),
    "unauthenticated": LocalizedText("Silakan masuk terlebih dahulu.", "Please sign in first."),
    "invalid_token": LocalizedText(
        "Tanda masuk tidak sah atau sudah kedaluwarsa.", "The token is invalid or expired."
    ),
    "invalid_ticket": LocalizedText(
        "Tiket siaran tidak sah, sudah dipakai, atau sudah kedaluwarsa. Mintalah yang baru.",
        "The stream ticket is invalid, used or expired. Ask for a new one.",
    ),
    "forbidden": LocalizedText("Anda tidak berhak melakukan ini.", "You are not allowed to do this."),
    "idempotency_key_required": LocalizedText(
        "Sertakan Idempotency-Key agar permintaan aman diulang.",
        "Send an Idempotency-Key, so that the request can be repeated safely.",
    ),
    "idempotency_key_malformed": LocalizedText(
        "Idempotency-Key terdiri dari 1–128 karakter ASCII tanpa spasi.",
        "An Idempotency-Key has 1–128 ASCII characters and no spaces.",
    ),
    "idempotency_key_personal": LocalizedText(
        "Idempotency-Key tidak boleh berupa NIK. Gunakan UUID.",
        "An Idempotency-Key must not look like a NIK. Use a UUID.",
    ),
    "precondition_required": LocalizedText(
        "Sertakan If-Match dengan versi yang Anda baca.", "Send If-Match with the version that you read."
    ),
    "stale_version": LocalizedText(
        "Data sudah diubah orang lain. Muat ulang, lalu ulangi perubahan Anda.",
        "Somebody else has changed this. Read it again and repeat your change.",
    ),
    "malformed_request": LocalizedText(
        "Permintaan HTTP ini tidak benar.", "This is not a valid HTTP request."
    ),
    "request_timeout": LocalizedText(
        "Permintaan tidak selesai dikirim pada waktunya.", "The request did not arrive in time."
    ),
    "uri_too_long": LocalizedText("Alamat permintaan terlalu panjang.", "The address is too long."),
    "headers_too_large": LocalizedText("Kepala permintaan terlalu besar.", "The headers are too large."),
    "client_gone": LocalizedText("Sambungan sudah ditutup.", "The connection is closed."),
    "busy": LocalizedText(
        "Sistem sedang sibuk; silakan ulangi sebentar lagi.", "The system is busy; please retry shortly."
    ),
    "newer_version": LocalizedText(
        "Data ini sudah ditulis oleh versi sistem yang lebih baru; silakan ulangi sebentar lagi.",
        "A newer version of the system has written this; please retry shortly.",
    ),
    "too_many_requests": LocalizedText(
        "Terlalu banyak permintaan sekaligus; silakan ulangi sebentar lagi.",
        "Too many requests at once; please retry shortly.",
    ),
    "internal": LocalizedText(
        "Terjadi kesalahan di sistem kami. Petugas dapat melacaknya dengan kode korelasi.",
        "Something went wrong on our side. The correlation id leads to it.",
    ),
}
"""By code. What the types of a service's own bodies refuse by stands in its `Service.rules`."""

INVALID_BECAUSE: dict[str, LocalizedText] = {
    "bool_parsing": LocalizedText("Isi dengan ya atau tidak (true/false).", "This must be true or false."),
    "bool_type": LocalizedText("Isi dengan ya atau tidak (true/false).", "This must be true or false."),
    "date_from_datetime_parsing": LocalizedText(
        "Tanggal ditulis 2026-11-24.", "A date is written 2026-11-24."
    ),
    "date_parsing": LocalizedText("Tanggal ditulis 2026-11-24.", "A date is written 2026-11-24."),
    "datetime_from_date_parsing": LocalizedText("Waktu ini tidak dikenali.", "This is not a date and time."),
    "datetime_parsing": LocalizedText("Waktu ini tidak dikenali.", "This is not a date and time."),
    "dict_type": LocalizedText("Isian ini harus berupa objek JSON.", "This must be a JSON object."),
    "enum": LocalizedText("Pilihan ini tidak dikenal.", "This is not one of the choices."),
    "float_parsing": LocalizedText("Isi dengan angka.", "This must be a number."),
    "float_type": LocalizedText("Isi dengan angka.", "This must be a number."),
    "greater_than": LocalizedText("Angka ini harus lebih dari {gt}.", "The number must be above {gt}."),
    "greater_than_equal": LocalizedText("Angka ini paling kecil {ge}.", "The number must be at least {ge}."),
    "int_from_float": LocalizedText("Isi dengan bilangan bulat.", "This must be a whole number."),
    "int_parsing": LocalizedText("Isi dengan bilangan bulat.", "This must be a whole number."),
    "int_type": LocalizedText("Isi dengan bilangan bulat.", "This must be a whole number."),
    "less_than": LocalizedText("Angka ini harus kurang dari {lt}.", "The number must be below {lt}."),
    "less_than_equal": LocalizedText("Angka ini paling besar {le}.", "The number must be at most {le}."),
    "list_type": LocalizedText("Isian ini harus berupa daftar.", "This must be a list."),
    "literal_error": LocalizedText("Pilihan ini tidak dikenal.", "This is not one of the choices."),
    "model_attributes_type": LocalizedText(
        "Isian ini harus berupa objek JSON.", "This must be a JSON object."
    ),
    "model_type": LocalizedText("Isian ini harus berupa objek JSON.", "This must be a JSON object."),
    "string_pattern_mismatch": LocalizedText(
        "Bentuk isian ini tidak sesuai ketentuan.", "The value does not have the required form."
    ),
    "string_too_long": LocalizedText(
        "Teks ini paling panjang {max_length} karakter.", "The text has at most {max_length} characters."
    ),
    "string_too_short": LocalizedText(
        "Teks ini paling sedikit {min_length} karakter.", "The text has at least {min_length} characters."
    ),
    "string_type": LocalizedText("Isi dengan teks.", "This must be text."),
    "time_parsing": LocalizedText("Jam ditulis 08:30.", "A time of day is written 08:30."),
    "too_long": LocalizedText(
        "Daftar ini paling banyak {max_length} isian.", "The list has at most {max_length} items."
    ),
    "too_short": LocalizedText(
        "Daftar ini paling sedikit {min_length} isian.", "The list has at least {min_length} items."
    ),
    "tuple_type": LocalizedText("Isian ini harus berupa daftar.", "This must be a list."),
}
"""Why a value does not fit, by pydantic's name for it; all go out under the code `invalid`."""
