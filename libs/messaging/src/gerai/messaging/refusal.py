"""How the domain says no: by name, with a stable code and a sentence a clerk understands."""

from enum import StrEnum
from typing import Any, ClassVar, NamedTuple, Self


class Sentence(NamedTuple):
    """What a person reads, Indonesian first. `{name}` takes a detail of the refusal."""

    id: str
    en: str

    def spoken(self, language: str) -> str:
        """In "en", or for any other value in "id"."""
        return self.en if language == "en" else self.id


class Word(str):
    """What the code calls "desk" or "no_show": a plain string to programs, and people's own word in a sentence."""

    people_say: Sentence

    def __new__(cls, code: str, people_say: Sentence) -> Self:
        word = super().__new__(cls, code)
        word.people_say = people_say
        return word


class RefusalKind(StrEnum):
    """What a refusal means for the caller; the web layer maps it to a status in one place."""

    INVALID = "invalid"
    NOT_FOUND = "not_found"
    CONFLICT = "conflict"
    STALE = "stale"
    FORBIDDEN = "forbidden"


class Refusal(Exception):
    """A command that cannot be done. Nothing was changed.

    Subclasses are named `UnableTo…` and list their codes: `sentences = {"already_called": Sentence(…)}`.
    An unlisted code is a programming error (KeyError at the place that raises). Details are what a program reads
    beside the code; a `Word` among them is translated in the sentence.
    """

    kind: ClassVar[RefusalKind] = RefusalKind.CONFLICT
    sentences: ClassVar[dict[str, Sentence]] = {}

    def __init__(self, code: str, *, field: str | None = None, **details: Any) -> None:
        self.code = code
        self.field = field
        self.details = details
        self.sentence = self.sentences[code]
        super().__init__(f"{type(self).__name__}: {code}")

    def text(self, language: str) -> str:
        """The sentence in "id" (the default for any other value) or "en"."""
        words = {
            name: detail.people_say.spoken(language) if isinstance(detail, Word) else detail
            for name, detail in self.details.items()
        }
        return self.sentence.spoken(language).format_map(words)


class UnableToFind(Refusal):
    """The thing does not exist, or belongs to another regency; the two look alike on purpose."""

    kind = RefusalKind.NOT_FOUND
    sentences: ClassVar[dict[str, Sentence]] = {
        "not_found": Sentence("Data {what} tidak ditemukan.", "This {what} does not exist."),
    }

    def __init__(self, what: str, id: str) -> None:
        super().__init__("not_found", what=what, id=id)


class UnableToAdd(Refusal):
    """The id is taken; by whom is nobody's business."""

    sentences: ClassVar[dict[str, Sentence]] = {
        "id_taken": Sentence("Kode {id} sudah dipakai.", "The id {id} is already used."),
    }


class UnableToRepeat(Refusal):
    """An idempotency key came back with another request."""

    kind = RefusalKind.INVALID
    sentences: ClassVar[dict[str, Sentence]] = {
        "idempotency_key_reused": Sentence(
            "Kunci idempotensi ini sudah dipakai untuk permintaan lain.",
            "This idempotency key was already used for another request.",
        ),
    }
