"""What must be mended in an application: a mark on a field of the form or on a paper, with a code and a sentence."""

from typing import Any

from pydantic import BaseModel, ConfigDict

from gerai.messaging.refusal import LocalizedText

SENTENCES = {
    "required": LocalizedText("Wajib diisi.", "This is required."),
    "type": LocalizedText("Jenis isian tidak sesuai.", "This is not the kind of value that is asked for."),
    "unknown_field": LocalizedText("Isian ini tidak dikenal.", "This field is not known."),
    "minLength": LocalizedText(
        "Terlalu pendek; paling sedikit {limit} huruf.", "Too short: at least {limit} characters."
    ),
    "maxLength": LocalizedText(
        "Terlalu panjang; paling banyak {limit} huruf.", "Too long: at most {limit} characters."
    ),
    "pattern": LocalizedText("Bentuk isian tidak sesuai.", "This does not have the form that is asked for."),
    "format": LocalizedText("Bentuk isian tidak sesuai ({limit}).", "This is not a valid {limit}."),
    "minimum": LocalizedText("Paling sedikit {limit}.", "At least {limit}."),
    "maximum": LocalizedText("Paling banyak {limit}.", "At most {limit}."),
    "enum": LocalizedText("Pilih salah satu dari pilihan yang ada.", "Choose one of the options."),
    "minItems": LocalizedText("Paling sedikit {limit} butir.", "At least {limit} items."),
    "maxItems": LocalizedText("Paling banyak {limit} butir.", "At most {limit} items."),
    "other": LocalizedText("Isian tidak sesuai.", "This is not valid."),
    "hidden_character": LocalizedText(
        "Isian memuat karakter yang tidak terlihat.", "The text has a hidden character."
    ),
    "paper_missing": LocalizedText("Dokumen belum diunggah.", "The paper is missing."),
    "paper_unknown": LocalizedText("Dokumen ini tidak diminta.", "This paper is not asked for."),
    "paper_type": LocalizedText("Jenis berkas tidak diterima.", "This kind of file is not accepted."),
    "paper_size": LocalizedText("Berkas lebih besar dari {limit} MB.", "The file is larger than {limit} MB."),
    "paper_infected": LocalizedText("Berkas mengandung program berbahaya.", "The file holds harmful code."),
    # what a person marks
    "unreadable": LocalizedText("Tidak terbaca.", "It can't be read."),
    "outdated": LocalizedText("Sudah tidak berlaku.", "It is out of date."),
    "contradictory": LocalizedText("Bertentangan dengan data lain.", "It contradicts other data."),
    "wrong_paper": LocalizedText("Bukan dokumen yang diminta.", "It is not the paper that is asked for."),
    "to_correct": LocalizedText("Harus diperbaiki.", "It must be corrected."),
}
OF_PEOPLE = frozenset(
    {"unreadable", "outdated", "contradictory", "wrong_paper", "to_correct", "paper_missing", "required"}
)
"""The codes that an officer may set."""
MOST = 100


class Mark(BaseModel):
    """On one field ("field:alamat/jalan") or one paper ("paper:ktp")."""

    model_config = ConfigDict(frozen=True)

    target: str
    code: str
    limit: str = ""

    def text(self, language: str) -> str:
        return SENTENCES[self.code].in_language(language).format(limit=self.limit)

    @classmethod
    def on_field(cls, path: list[Any], code: str, limit: Any = "") -> "Mark":
        return cls(target="field:" + "/".join(map(str, path)), code=code, limit=str(limit))

    @classmethod
    def on_paper(cls, kind: str, code: str, limit: Any = "") -> "Mark":
        return cls(target=f"paper:{kind}", code=code, limit=str(limit))
