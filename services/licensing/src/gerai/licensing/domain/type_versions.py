"""The permit types that a regency offers, and their versions. A version that a case has begun with never changes."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, ClassVar

from gerai.contracts.licensing import PermitTypeChanged
from gerai.licensing.domain.json_text import JsonText
from gerai.licensing.domain.permit_type import PermitType
from gerai.licensing.domain.permit_type_check import permit_type_from
from gerai.messaging.aggregate import Aggregate
from gerai.messaging.refusal import LocalizedText, Refusal, Term

WORD = Term("permit-type", LocalizedText("jenis izin", "permit type"))


class UnableToOfferType(Refusal):
    sentences: ClassVar[dict[str, LocalizedText]] = {
        "version_in_use": LocalizedText(
            "Versi {version} sudah dipakai permohonan; buat versi {next}.",
            "Applications have begun with version {version}; make it version {next}.",
        ),
        "version_not_next": LocalizedText(
            "Versi berikutnya adalah {next}, bukan {version}.", "The next version is {next}, not {version}."
        ),
    }


class UnableToApply(Refusal):
    sentences: ClassVar[dict[str, LocalizedText]] = {
        "type_withdrawn": LocalizedText(
            "Jenis izin ini tidak lagi dilayani.", "This permit type is not offered any more."
        ),
    }


def version_id(tenant: str, code: str, version: int) -> str:
    return f"{tenant}:{code}:{version}"


class TypeVersion(Aggregate):
    """One version, as it was defined. Its id is `version_id`."""

    collection: ClassVar[str] = "permit_type_versions"
    word: ClassVar[Term] = WORD

    definition: JsonText
    used_since: datetime | None = None
    """When the first case began with it; from then on it is fixed."""

    @property
    def type(self) -> PermitType:
        return PermitType.model_validate(self.definition.read())

    def redefine(self, definition: Mapping[str, Any]) -> bool:
        """False: it says that already. Raises UnableToOfferType once a case has begun with it."""
        type = permit_type_from(definition)
        text = JsonText.of(definition)
        if text == self.definition:
            return False
        if self.used_since is not None:
            raise UnableToOfferType("version_in_use", version=type.version, next=type.version + 1)
        self.definition = text
        return True

    def begin_use(self, *, at: datetime) -> None:
        if self.used_since is None:
            self.used_since = at


class OfferedType(Aggregate):
    """Which version new cases begin with. Its id is "<regency>:<code>"."""

    collection: ClassVar[str] = "permit_types"
    word: ClassVar[Term] = WORD

    code: str
    newest: int = 0
    active: bool = True

    def offer(self, type: PermitType, *, at: datetime) -> None:
        """The newest version again (as it was redefined), or the next one."""
        if type.version not in (self.newest, self.newest + 1):
            raise UnableToOfferType("version_not_next", version=type.version, next=self.newest + 1)
        self.newest, self.active = type.version, True
        self._say(type, at=at)

    def withdraw(self, type: PermitType, *, at: datetime) -> None:
        """Nobody can begin a case with it; running ones go on."""
        if self.active:
            self.active = False
            self._say(type, at=at)

    def require_offered(self) -> None:
        if not self.active:
            raise UnableToApply("type_withdrawn")

    def _say(self, type: PermitType, *, at: datetime) -> None:
        event = PermitTypeChanged(
            tenant=self.tenant,
            code=self.code,
            version=type.version,
            active=self.active,
            title_id=type.title.id,
            title_en=type.title.en,
            institution_id=type.institution,
            working_days=type.time.working_days if type.time else None,
            deemed_approval=type.lapse is not None and type.lapse.deemed_approval,
            has_fee=type.has_fee,
        )
        self._record(event, at=at)
