"""An institution (instansi) and the cooperation agreement under which it serves in the mall."""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Self
from zoneinfo import ZoneInfo

from pydantic import model_validator
from pydantic_core import PydanticCustomError

from gerai.contracts.registry import AgreementLapsing, InstitutionChanged, InstitutionKind
from gerai.contracts.text import Name
from gerai.registry.domain.entry import Entry, Facts, Stated
from gerai.registry.domain.words import INSTITUTION

OFFICE_OPENS = time(8)


class Agreement(Stated):
    """The cooperation agreement between the regency and the institution."""

    number: Name
    starts: date
    ends: date
    """Its last day."""

    @model_validator(mode="after")
    def _starts_before_it_ends(self) -> Self:
        if self.starts > self.ends:
            raise PydanticCustomError(
                "agreement_ends_before_start",
                "The agreement must start ({starts}) before it ends ({ends}).",
                {"starts": self.starts.isoformat(), "ends": self.ends.isoformat()},
            )
        return self


class InstitutionFacts(Facts):
    """What a registrar states about an institution."""

    name: Name
    kind: InstitutionKind
    agreement: Agreement | None = None
    """The regency's own offices need none."""


@dataclass(frozen=True, kw_only=True)
class WarningRule:
    """When a regency is told that an agreement lapses. An institution has no zone of its own."""

    days_before: int
    zone: ZoneInfo

    def due(self, ends: date) -> datetime:
        """The start of the office day, `days_before` days before the last one."""
        return datetime.combine(ends - timedelta(days=self.days_before), OFFICE_OPENS, self.zone)

    def is_over(self, ends: date, at: datetime) -> bool:
        return at.astimezone(self.zone).date() > ends


class Institution(InstitutionFacts, Entry):
    collection = "institutions"
    section = "institutions"
    facts_type = InstitutionFacts
    changed = InstitutionChanged
    word = INSTITUTION

    warned_of: date | None = None
    """The end of the agreement that was warned of last, so that no other change brings the warning back."""

    def warning_due(self, rule: WarningRule, *, at: datetime) -> datetime | None:
        """When to warn; None where there is nothing to warn of, or no longer."""
        agreement = self.agreement
        if not self.active or agreement is None or agreement.ends == self.warned_of:
            return None
        return None if rule.is_over(agreement.ends, at) else rule.due(agreement.ends)

    def warn_of_lapse(self, *, at: datetime) -> None:
        """Tell the regency that the agreement comes to its end."""
        assert self.agreement is not None
        self.warned_of = self.agreement.ends
        self._record(
            AgreementLapsing(
                tenant=self.tenant,
                institution_id=self.id,
                agreement_number=self.agreement.number,
                ends=self.agreement.ends,
            ),
            at=at,
        )
