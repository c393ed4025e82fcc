"""What a sending job learned, a provider's receipt, or its silence: each ends a delivery or moves it on."""

from datetime import datetime

from gerai.messaging.job import Done, Failed, JobRow, Result, Unknown
from gerai.messaging.storage import TimerRow
from gerai.messaging.unit_of_work import UnitOfWork
from gerai.notification.domain.circuit import Circuit
from gerai.notification.domain.notification import Notification, State
from gerai.notification.domain.party import Party
from gerai.notification.use_cases.sending import (
    RECEIPT_OVERDUE,
    Sending,
    circuit_id,
    take_next_way,
    ways_to,
)

NOT_SENT = "not_sent"
"""Answer of a job that found, in the moment of sending, that it must not be sent any more."""
OF_THE_PROVIDER = frozenset(("provider_down", "gave_up", "rate_limited"))
"""Failures that say something of the provider; the others are about one message."""
OF_THE_ADDRESS = frozenset(("invalid_address",))


async def end_delivery(
    job: JobRow, result: Result, *, uow: UnitOfWork, at: datetime, sending: Sending
) -> None:
    """Completes a job of a provider's kind."""
    notification = await uow.find(Notification, job.payload["notification"])
    if notification is None:  # past its retention
        return
    attempt = int(job.payload["attempt"])
    party = await uow.find(Party, notification.party_id)
    ways = await ways_to(party, notification, uow=uow, at=at, sending=sending)
    delivery = notification.deliveries[attempt - 1]
    match result:
        case Done(answer=answer) if NOT_SENT in answer:
            notification.may_still_be_sent(attempt, ways, at=at)
        case Done(answer=answer):
            await _note(delivery.provider, notification.tenant, is_failure=False, uow=uow, at=at)
            notification.was_accepted(attempt, reference=answer.get("reference"), at=at)
            if notification.deliveries[attempt - 1].state is State.SENT:
                _await_receipt(notification, attempt, uow=uow, at=at, sending=sending)
        case Failed(code=code):
            if code in OF_THE_PROVIDER:
                await _note(delivery.provider, notification.tenant, is_failure=True, uow=uow, at=at)
            if code in OF_THE_ADDRESS and party is not None and party.has_contact(delivery.channel):
                party.mark_unusable(delivery.channel, because=code)
            reason = "provider_down" if code == "gave_up" else code
            notification.has_failed(attempt, reason=reason, ways=ways, at=at)
        case Unknown():
            await _note(delivery.provider, notification.tenant, is_failure=True, uow=uow, at=at)
            notification.became_unknown(attempt, ways=ways, at=at)
    await take_next_way(notification, uow=uow, at=at, sending=sending)


async def take_receipt(
    notification_id: str,
    attempt: int,
    *,
    has_arrived: bool,
    reason: str = "rejected",
    uow: UnitOfWork,
    at: datetime,
    sending: Sending,
) -> None:
    """The provider says what became of it: in any order, twice, or of something that we never sent. Raises UnableToFind
    for the latter."""
    notification = await uow.get(Notification, notification_id)
    if has_arrived:
        notification.has_arrived(attempt, at=at)
        uow.cancel_timer(RECEIPT_OVERDUE, f"{notification.id}:{attempt}")
        return
    await _fail(notification, attempt, reason, uow=uow, at=at, sending=sending)


async def when_receipt_is_overdue_try_another_way(
    timer: TimerRow, *, uow: UnitOfWork, at: datetime, sending: Sending
) -> None:
    notification = await uow.find(Notification, timer.payload["notification"])
    if notification is None:
        return
    attempt = int(timer.payload["attempt"])
    if notification.deliveries[attempt - 1].state is State.SENT:
        await _fail(notification, attempt, "no_receipt", uow=uow, at=at, sending=sending)


async def when_quiet_hours_end_send(
    timer: TimerRow, *, uow: UnitOfWork, at: datetime, sending: Sending
) -> None:
    notification = await uow.find(Notification, timer.key)
    if notification is not None:
        await take_next_way(notification, uow=uow, at=at, sending=sending)


async def _fail(
    notification: Notification, attempt: int, reason: str, *, uow: UnitOfWork, at: datetime, sending: Sending
) -> None:
    party = await uow.find(Party, notification.party_id)
    ways = await ways_to(party, notification, uow=uow, at=at, sending=sending)
    notification.has_failed(attempt, reason=reason, ways=ways, at=at)
    await take_next_way(notification, uow=uow, at=at, sending=sending)


def _await_receipt(
    notification: Notification, attempt: int, *, uow: UnitOfWork, at: datetime, sending: Sending
) -> None:
    uow.schedule(
        RECEIPT_OVERDUE,
        f"{notification.id}:{attempt}",
        due=at + sending.receipt_within,
        tenant=notification.tenant,
        payload={"notification": notification.id, "attempt": str(attempt)},
    )


async def _note(provider: str, tenant: str, *, is_failure: bool, uow: UnitOfWork, at: datetime) -> None:
    fresh = Circuit(id=circuit_id(provider, tenant), tenant=tenant)
    if not is_failure and await uow.find(Circuit, fresh.id) is None:
        return
    circuit = await uow.find_or_add(fresh)
    if is_failure:
        circuit.failed(at=at)
    else:
        circuit.succeeded()
