"""What is said of a definition of a permit type that can't be used: code → sentence."""

from gerai.messaging.refusal import LocalizedText

WORDS = {
    code: LocalizedText(indonesian, english)
    for code, indonesian, english in (
        ("part_unknown", "Bagian ini tidak dikenal.", "This part is not known."),
        ("part_missing", "Bagian ini wajib ada.", "This part is missing."),
        ("value_invalid", "Isi tidak sesuai: {detail}", "The value is not valid: {detail}"),
        ("translation_missing", "Terjemahan belum ada.", "A translation is missing."),
        ("form_not_an_object", "Formulir harus berupa objek.", "The form must be an object."),
        ("form_schema_invalid", "Skema formulir tidak sah.", "The form's schema is not valid."),
        ("form_type_unknown", "Jenis isian tidak dikenal.", "The type of the field is not known."),
        ("form_too_deep", "Formulir terlalu bertingkat.", "The form is nested too deeply."),
        ("form_too_large", "Formulir memuat terlalu banyak isian.", "The form has too many fields."),
        (
            "form_keyword_not_allowed",
            "Kata kunci skema ini tidak diizinkan.",
            "This keyword of the schema is not allowed.",
        ),
        ("form_format_unknown", "Format ini tidak dikenal.", "This format is not known."),
        ("form_list_without_items", "Daftar tanpa jenis butir.", "The list does not say what is in it."),
        ("form_list_without_end", "Daftar tanpa batas jumlah.", "The list has no largest number of items."),
        ("form_text_without_end", "Teks tanpa batas panjang.", "The text has no largest length."),
        ("form_without_fields", "Tidak ada isian.", "There are no fields."),
        (
            "form_open",
            "Isian lain harus ditolak (additionalProperties: false).",
            "Other fields must be refused (additionalProperties: false).",
        ),
        (
            "form_requires_unknown_field",
            "Isian wajib tidak ada dalam formulir.",
            "A required field is not in the form.",
        ),
        (
            "number_without_counter",
            "Format nomor harus memuat tepat satu penghitung.",
            "The number's format must hold exactly one counter.",
        ),
        (
            "number_part_unknown",
            "Bagian format nomor tidak dikenal.",
            "The number's format holds an unknown part.",
        ),
        (
            "number_sign_not_allowed",
            "Format nomor memuat tanda yang tidak diizinkan.",
            "The number's format holds a sign that is not allowed.",
        ),
        (
            "number_repeats_every_year",
            "Penghitung dimulai lagi tiap tahun, tetapi tahun tidak ada dalam nomor.",
            "The counter restarts every year, and the year is not in the number.",
        ),
        ("paper_twice", "Dokumen {detail} tercantum dua kali.", "The paper {detail} is listed twice."),
        (
            "field_unknown",
            "Isian {detail} tidak ada dalam formulir.",
            "The field {detail} is not in the form.",
        ),
        ("field_no_date", "Isian {detail} bukan tanggal.", "The field {detail} is not a date."),
        ("field_no_number", "Isian {detail} bukan angka.", "The field {detail} is not a number."),
        (
            "fee_fixed_needs_base",
            "Tarif tetap memerlukan satu jumlah saja.",
            "A fixed fee has one amount and no parts.",
        ),
        (
            "fee_per_unit_needs_parts",
            "Tarif per satuan memerlukan bagian.",
            "A fee per unit needs its parts.",
        ),
        (
            "payment_budget_too_small",
            "Jatah tunggu pembayaran kurang dari {detail} hari kerja.",
            "The budget for waiting for the payment is less than {detail} working days.",
        ),
        (
            "not_by_declaration",
            "Izin atas pernyataan sendiri tidak memiliki bagian ini.",
            "What is granted on declaration has no such part.",
        ),
        (
            "needed_for_review",
            "Bagian ini wajib bagi izin yang ditinjau.",
            "What is reviewed needs this part.",
        ),
        (
            "high_risk_needs_inspection",
            "Risiko tinggi memerlukan pemeriksaan lapangan.",
            "High risk needs an inspection.",
        ),
        (
            "deemed_approval_needs_basis",
            "Fiktif positif memerlukan dasar hukum.",
            "A deemed approval needs its legal basis.",
        ),
        ("stage_twice", "Tahap {detail} tercantum dua kali.", "The stage {detail} is listed twice."),
        ("stage_unknown", "Tahap {detail} tidak ada.", "There is no stage {detail}."),
        (
            "institution_twice",
            "Instansi {detail} tercantum dua kali.",
            "The institution {detail} is listed twice.",
        ),
        (
            "nobody_asks_for_stage",
            "Tidak ada tahap sebelum {detail} yang dapat memintanya.",
            "No stage before {detail} can ask for it.",
        ),
        ("stages_in_circle", "Tahap saling menunggu: {detail}.", "Stages wait for one another: {detail}."),
        (
            "stages_exceed_total",
            "Tahap memerlukan {detail} hari kerja, lebih dari seluruhnya.",
            "The stages need {detail} working days, more than the total.",
        ),
        (
            "nobody_can_act",
            "Tidak ada petugas yang dapat bertindak: {detail}.",
            "Nobody can act here: {detail}.",
        ),
    )
}
