"""Words of a permit type, in both languages."""

from pydantic import BaseModel, ConfigDict

from gerai.messaging.refusal import LocalizedText


class Localized(BaseModel):
    """Indonesian first. Either may be empty while a definition is read; `permit_type_check` refuses that."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str = ""
    en: str = ""

    @property
    def text(self) -> LocalizedText:
        return LocalizedText(self.id, self.en)

    @property
    def missing(self) -> tuple[str, ...]:
        return tuple(language for language in ("id", "en") if not getattr(self, language).strip())
