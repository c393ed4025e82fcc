"""Performs a sending job: reads what is to be said now, and hands it to the provider."""

from collections.abc import Callable
from datetime import datetime
from typing import Protocol

from gerai.contracts.notification import Channel
from gerai.messaging.context import Context
from gerai.messaging.job import Done, Failed, JobRow, Outcome
from gerai.messaging.storage import Storage
from gerai.messaging.unit_of_work import IdentityMap, UnitOfWork
from gerai.notification.domain.notification import Delivery, Notification
from gerai.notification.domain.party import Party
from gerai.notification.domain.rule_book import TemplateVersion
from gerai.notification.domain.template import TextTooLong
from gerai.notification.use_cases.end_delivery import NOT_SENT
from gerai.notification.use_cases.providers import Outgoing
from gerai.notification.use_cases.sending import Sending, ways_to


class AddressBook(Protocol):
    """The only place that knows an address."""

    async def address(self, party: Party, channel: Channel) -> str | None:
        """None: there is none, or the party is forgotten."""
        ...


class Sender:
    """`perform` of every provider's job kind."""

    def __init__(
        self,
        storage: Storage,
        addresses: AddressBook,
        sending: Sending,
        *,
        now: Callable[[], datetime],
    ) -> None:
        self._storage = storage
        self._addresses = addresses
        self._sending = sending
        self._now = now

    async def perform(self, job: JobRow) -> Outcome:
        """What may have changed since the job was wanted is read again: a refusal, the expiry, the address."""
        context = Context(tenant=job.tenant, actor="sender", correlation_id=job.correlation_id)
        uow = UnitOfWork(IdentityMap(self._storage, {}), context, source="/gerai/notification")
        notification = await uow.find(Notification, job.payload["notification"])
        if notification is None:
            return Done(answer={NOT_SENT: "gone"})
        at, attempt = self._now(), int(job.payload["attempt"])
        party = await uow.find(Party, notification.party_id)
        ways = await ways_to(party, notification, uow=uow, at=at, sending=self._sending)
        if party is None or not notification.may_still_be_sent(attempt, ways, at=at):
            return Done(answer={NOT_SENT: "changed"})
        return await self._send(job, notification, notification.deliveries[attempt - 1], party, uow)

    async def _send(
        self, job: JobRow, notification: Notification, delivery: Delivery, party: Party, uow: UnitOfWork
    ) -> Outcome:
        template = await uow.get(
            TemplateVersion,
            TemplateVersion.id_of(
                notification.tenant, notification.template_id, notification.template_version
            ),
        )
        try:
            message = template.template.render(delivery.channel, notification.language, notification.values)
        except TextTooLong:
            return Failed(code="too_long")
        address = await self._addresses.address(party, delivery.channel)
        if address is None:
            return Failed(code="invalid_address")
        provider = self._sending.providers.named(delivery.provider)
        return await provider.send(
            Outgoing(address=address, message=message, idempotency_key=job.idempotency_key)
        )
