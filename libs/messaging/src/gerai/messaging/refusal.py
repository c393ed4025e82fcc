"""How the domain says no: by name, with a stable code and a sentence a clerk understands."""

from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum
from typing import Any, ClassVar, NamedTuple, Self


class LocalizedText(NamedTuple):
    """What a person reads, Indonesian first. `{name}` takes a detail of the refusal."""

    id: str
    en: str

    def in_language(self, language: str) -> str:
        """English for "en", Indonesian for any other value."""
        return self.en if language == "en" else self.id


class Term(str):
    """A code such as "desk" or "no_show" together with the word that people read for it. Programs see the code, a string."""

    localized: LocalizedText

    def __new__(cls, code: str, localized: LocalizedText) -> Self:
        term = super().__new__(cls, code)
        term.localized = localized
        return term


class Fault(NamedTuple):
    """One of several things that are wrong."""

    path: str | None
    """Where: "counters.3.site_id"."""
    code: str
    sentence: LocalizedText
    """With its details in place."""


class RefusalKind(StrEnum):
    """What a refusal means for the caller; the web layer maps it to a status in one place."""

    INVALID = "invalid"
    NOT_FOUND = "not_found"
    CONFLICT = "conflict"
    STALE = "stale"
    FORBIDDEN = "forbidden"


class Refusal(Exception):
    """A command that cannot be done. Nothing was changed.

    Subclasses are named `UnableTo…` and list their codes: `sentences = {"already_called": LocalizedText(…)}`.
    An unlisted code is a programming error (KeyError at the place that raises). Details are what a program reads
    beside the code; a `Term` among them is translated in the sentence.
    """

    kind: ClassVar[RefusalKind] = RefusalKind.CONFLICT
    sentences: ClassVar[dict[str, LocalizedText]] = {}
    example: ClassVar[Mapping[str, Any]] = {}
    """`field` and details as they could be, for the documentation: all that the sentences name."""
    faults: Sequence[Fault] = ()
    """Where a refusal stands for several: each of them."""

    def __init__(self, code: str, *, field: str | None = None, **details: Any) -> None:
        self.code = code
        self.field = field
        self.details = details
        self.sentence = self.sentences[code]
        super().__init__(f"{type(self).__name__}: {code}")

    def text(self, language: str) -> str:
        """The sentence in "id" (the default for any other value) or "en"."""
        words = {
            name: detail.localized.in_language(language) if isinstance(detail, Term) else detail
            for name, detail in self.details.items()
        }
        return self.sentence.in_language(language).format_map(words)

    @classmethod
    def examples(cls) -> Iterator[Self]:
        """One for each code."""
        return (cls(code, **cls.example) for code in cls.sentences)


class UnableToFind(Refusal):
    """The thing does not exist, or belongs to another regency; the two look alike on purpose."""

    kind = RefusalKind.NOT_FOUND
    sentences: ClassVar[dict[str, LocalizedText]] = {
        "not_found": LocalizedText("Data {what} tidak ditemukan.", "This {what} does not exist."),
    }

    def __init__(self, what: str, id: str) -> None:
        super().__init__("not_found", what=what, id=id)

    @classmethod
    def examples(cls) -> Iterator[Self]:
        yield cls(Term("entry", LocalizedText("ini", "entry")), "contoh")


class UnableToAdd(Refusal):
    """The id is taken. By whom is not said: it may be another regency."""

    sentences: ClassVar[dict[str, LocalizedText]] = {
        "id_taken": LocalizedText("Kode {id} sudah dipakai.", "The id {id} is already used."),
    }
    example: ClassVar[Mapping[str, Any]] = {"field": "id", "id": "contoh"}


class UnableToRepeat(Refusal):
    """An idempotency key came back with another request."""

    kind = RefusalKind.INVALID
    sentences: ClassVar[dict[str, LocalizedText]] = {
        "idempotency_key_reused": LocalizedText(
            "Kunci idempotensi ini sudah dipakai untuk permintaan lain.",
            "This idempotency key was already used for another request.",
        ),
        "answer_forgotten": LocalizedText(
            "Jawaban ini memuat data pribadi yang sudah dihapus.",
            "This answer told of a person whose data were deleted.",
        ),
    }
    example: ClassVar[Mapping[str, Any]] = {"field": "Idempotency-Key"}
