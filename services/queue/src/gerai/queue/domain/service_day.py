"""One service on one local day: its numbers, its quota, and whether the office closed it."""

from datetime import date, datetime, timedelta
from typing import ClassVar

from gerai.contracts.queue import ServiceDayClosed, ServiceDayReopened
from gerai.messaging.aggregate import Aggregate
from gerai.queue.domain.offering import Offering
from gerai.queue.domain.opening import Availability, availability
from gerai.queue.domain.refusals import UnableToIssueTicket
from gerai.queue.domain.rules import RangeEnd, Rules


class ServiceDay(Aggregate):
    """Numbers are given without gaps, and never twice. Hot: every ticket of the service passes here."""

    collection: ClassVar[str] = "service_days"
    warm: ClassVar[bool] = True

    service_id: str
    counter_id: str
    site_id: str
    local_day: str
    issued: int = 0
    manually_closed: bool = False

    @classmethod
    def of(cls, offering: Offering, day: date) -> "ServiceDay":
        service = offering.service
        return cls(
            id=cls.id_of(service.id, day),
            tenant=service.tenant,
            service_id=service.id,
            counter_id=service.counter_id,
            site_id=service.site_id,
            local_day=day.isoformat(),
        )

    @staticmethod
    def id_of(service_id: str, day: date) -> str:
        return f"{service_id}:{day.isoformat()}"

    def availability(self, offering: Offering, *, at: datetime) -> Availability:
        return availability(offering, manually_closed=self.manually_closed, issued=self.issued, at=at)

    def issue_number(self, offering: Offering, rules: Rules, *, at: datetime) -> int:
        """The next number. Raises UnableToIssueTicket with the code of the first check that fails."""
        found = self.availability(offering, at=at)
        if found is not Availability.AVAILABLE:
            raise UnableToIssueTicket(found.value, field="service_id")
        if self.issued >= offering.service.number_range_end and rules.range_end is RangeEnd.REFUSE:
            raise UnableToIssueTicket("range_ended", field="service_id")
        self.issued += 1
        return self.issued

    def close(self, *, actor: str, reason: str | None, at: datetime) -> None:
        """The office gives no more numbers today. Closing twice changes nothing."""
        if not self.manually_closed:
            self.manually_closed = True
            self._record(ServiceDayClosed(**self._said(actor), reason=reason), at=at)

    def reopen(self, *, actor: str, at: datetime) -> None:
        if self.manually_closed:
            self.manually_closed = False
            self._record(ServiceDayReopened(**self._said(actor)), at=at)

    def _said(self, actor: str) -> dict[str, str]:
        return {
            "tenant": self.tenant,
            "site_id": self.site_id,
            "counter_id": self.counter_id,
            "service_id": self.service_id,
            "local_day": self.local_day,
            "actor": actor,
        }


def day_ends(offering: Offering, rules: Rules, *, at: datetime) -> datetime:
    """When the queue of the present local day is ended; after that hour, the next local midnight."""
    local = at.astimezone(offering.zone)
    end = datetime.combine(local.date(), rules.day_end, offering.zone)
    if local >= end:
        end = datetime.combine(local.date() + timedelta(days=1), datetime.min.time(), offering.zone)
    return end


def number_text(prefix: str, n: int) -> str:
    """As printed and called: "A-012"."""
    return f"{prefix}-{n:03d}"
