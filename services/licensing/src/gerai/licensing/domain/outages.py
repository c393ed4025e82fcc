"""The outages that a regency has declared: days on which, by decree, no legal clock counts."""

from datetime import date, datetime
from typing import ClassVar

from gerai.contracts.licensing import OutageDeclared
from gerai.licensing.domain.actor import Actor, Role
from gerai.licensing.domain.steps import UnableToActHere
from gerai.licensing.domain.working_days import Outage
from gerai.messaging.aggregate import Aggregate
from gerai.messaging.refusal import LocalizedText, Refusal, RefusalKind

MOST, MOST_DAYS = 500, 31


class UnableToDeclareOutage(Refusal):
    kind = RefusalKind.INVALID
    sentences: ClassVar[dict[str, LocalizedText]] = {
        "ends_before_it_begins": LocalizedText(
            "Tanggal akhir mendahului tanggal awal.", "It ends before it begins."
        ),
        "too_long": LocalizedText("Paling lama {days} hari.", "At most {days} days."),
        "decree_missing": LocalizedText("Nomor keputusan wajib ada.", "The number of the decree is missing."),
        "declared_already": LocalizedText(
            "Keputusan {decree} sudah dicatat.", "The decree {decree} was entered already."
        ),
        "too_many": LocalizedText("Terlalu banyak gangguan dicatat.", "Too many outages are declared."),
    }


class Outages(Aggregate):
    """One for each regency, so that no office can stop its own clocks alone. Its id is the regency's."""

    collection: ClassVar[str] = "outages"

    declared: tuple[Outage, ...] = ()

    def declare(self, decree: str, *, first: date, last: date, at: datetime, actor: Actor) -> Outage:
        """For all clocks of the regency alike. There is no way to take it back."""
        if actor.role is not Role.SUPERIOR:
            raise UnableToActHere("wrong_role", step="declare")
        decree = decree.strip()
        if not decree:
            raise UnableToDeclareOutage("decree_missing", field="decree")
        if last < first:
            raise UnableToDeclareOutage("ends_before_it_begins", field="last")
        if (last - first).days >= MOST_DAYS:
            raise UnableToDeclareOutage("too_long", field="last", days=MOST_DAYS)
        if any(outage.decree == decree for outage in self.declared):
            raise UnableToDeclareOutage("declared_already", field="decree", decree=decree)
        if len(self.declared) >= MOST:
            raise UnableToDeclareOutage("too_many")
        outage = Outage(decree=decree, first=first, last=last)
        self.declared = (*self.declared, outage)
        self._record(
            OutageDeclared(
                tenant=self.tenant, decree=decree, first=first, last=last, declared_at=at, actor=actor.id
            ),
            at=at,
        )
        return outage
