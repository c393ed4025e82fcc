"""One service on one local day: its range of numbers, and whether the office has closed it."""

from collections.abc import Iterable
from datetime import datetime
from typing import ClassVar

from gerai.contracts.queue import ServiceDayClosed, ServiceDayReopened
from gerai.messaging.aggregate import Aggregate
from gerai.messaging.refusal import LocalizedText, Refusal
from gerai.register.entries import Service


class UnableToCloseService(Refusal):
    sentences: ClassVar[dict[str, LocalizedText]] = {
        "already_closed": LocalizedText("Layanan ini sudah ditutup.", "This service is closed already."),
    }


class UnableToReopenService(Refusal):
    sentences: ClassVar[dict[str, LocalizedText]] = {
        "not_closed": LocalizedText("Layanan ini tidak sedang ditutup.", "This service is not closed."),
    }


def service_day_id(service_id: str, local_day: str) -> str:
    return f"{service_id}:{local_day}"


class ServiceDay(Aggregate):
    """Numbers start at 1 each local day and have no gaps; none comes twice."""

    collection: ClassVar[str] = "service_days"
    warm: ClassVar[bool] = True

    site_id: str
    counter_id: str
    service_id: str
    local_day: str
    issued: int = 0
    """Numbers given; also the last number."""
    prefix: str = ""
    """Of all numbers of this day, as it was when the first was given: a service that takes over another's prefix must
    not call out a number that somebody holds. "": none was given yet."""
    closed: bool = False
    closed_reason: str | None = None

    @classmethod
    def of(cls, service: Service, local_day: str) -> "ServiceDay":
        """A day on which nothing has happened yet."""
        return cls(
            id=service_day_id(service.id, local_day),
            tenant=service.tenant,
            site_id=service.site_id,
            counter_id=service.counter_id,
            service_id=service.id,
            local_day=local_day,
        )

    def next_number(self, *, prefix: str) -> int:
        """The next number of a service that is open (`Catalogue.opening_of`). `prefix`: the service's present one."""
        self.prefix = self.prefix or prefix
        self.issued += 1
        return self.issued

    @property
    def number(self) -> str:
        """The last one, as printed and called: "A-012"; "A-1000" where a range is extended."""
        return f"{self.prefix}-{self.issued:03d}"

    def close(self, *, at: datetime, actor: str, reason: str | None) -> None:
        """No more tickets until it is reopened, or until the next day."""
        if self.closed:
            raise UnableToCloseService("already_closed")
        self.closed, self.closed_reason = True, reason
        self._record(
            ServiceDayClosed(
                tenant=self.tenant,
                site_id=self.site_id,
                counter_id=self.counter_id,
                service_id=self.service_id,
                local_day=self.local_day,
                actor=actor,
                reason=reason,
            ),
            at=at,
        )

    def reopen(self, *, at: datetime, actor: str) -> None:
        if not self.closed:
            raise UnableToReopenService("not_closed")
        self.closed, self.closed_reason = False, None
        self._record(
            ServiceDayReopened(
                tenant=self.tenant,
                site_id=self.site_id,
                counter_id=self.counter_id,
                service_id=self.service_id,
                local_day=self.local_day,
                actor=actor,
            ),
            at=at,
        )


def prefix_is_free(service: Service, day: ServiceDay | None, today: Iterable[ServiceDay]) -> bool:
    """Whether no other service of the site has called its numbers so today."""
    if day is not None and day.prefix:
        return True
    return all(one.service_id == service.id or one.prefix != service.prefix for one in today)
