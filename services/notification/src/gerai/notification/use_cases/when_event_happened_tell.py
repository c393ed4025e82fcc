"""Something happened that people are told: the notifications are made in the transaction of the event's inbox row."""

from datetime import datetime

from gerai.contracts.event import Envelope, Event
from gerai.contracts.queue import TicketIssued
from gerai.messaging.group_commit import Needs
from gerai.messaging.selection import Selection
from gerai.messaging.unit_of_work import UnitOfWork
from gerai.notification.domain.notification import Notification, State, notification_id
from gerai.notification.domain.party import Party
from gerai.notification.domain.rule import Audience, Reader, Rule
from gerai.notification.domain.rule_book import RuleBook
from gerai.notification.domain.stake import Stake
from gerai.notification.use_cases.sending import Sending, take_next_way

ABOUT = {"ticket_id": "ticket", "application_id": "application"}
"""The field of an event that names the thing, and what we call it."""


def what_telling_needs(envelope: Envelope) -> Needs:
    event = envelope.event
    tenant: str = getattr(event, "tenant", "")
    about = _about(event)
    stakes = ((Stake, about),) if about is not None else ()
    return Needs(aggregates=((RuleBook, tenant), *stakes))


async def when_event_happened_tell(
    event: Event, envelope: Envelope, *, uow: UnitOfWork, at: datetime, sending: Sending
) -> None:
    """Whoever handles a replay passes it to `when_replayed`: nobody is told twice because records are read again."""
    about = _about(event)
    tenant: str = getattr(event, "tenant", "")
    if isinstance(event, TicketIssued) and event.party_id is not None and about is not None:
        await uow.find_or_add(Stake(id=about, tenant=tenant, party_id=event.party_id, since=at))
    book = await uow.find(RuleBook, tenant)
    if book is None or envelope.replayed_for is not None:
        return
    for rule in book.rules_for(event):
        party_id = await _party(rule, event, about, uow=uow)
        if party_id is not None:
            await _tell(rule, book, event, envelope, party_id, about or "", uow=uow, at=at, sending=sending)


async def _party(rule: Rule, event: Event, about: str | None, *, uow: UnitOfWork) -> str | None:
    if rule.audience is Audience.OFFICER:
        named: str | None = getattr(event, "officer_party_id", None)
        return named
    stake = await uow.find(Stake, about) if about is not None else None
    return stake.party_id if stake is not None else None


async def _tell(
    rule: Rule,
    book: RuleBook,
    event: Event,
    envelope: Envelope,
    party_id: str,
    about: str,
    *,
    uow: UnitOfWork,
    at: datetime,
    sending: Sending,
) -> None:
    id = notification_id(event_id=envelope.id, rule_id=rule.id, party_id=party_id)
    party = await uow.find(Party, party_id)
    if party is None or await uow.find(Notification, id) is not None:
        return
    template = book.template(rule.template)
    zone = sending.zone_of(getattr(event, "site_id", None))
    notification = Notification(
        id=id,
        tenant=book.tenant,
        party_id=party_id,
        rule_id=rule.id,
        rule_version=rule.version,
        template_id=template.id,
        template_version=template.version,
        language=party.language,
        zone=zone.key,
        values=rule.values_of(
            event,
            Reader(
                language=party.language,
                zone=zone,
                own_address=sending.own_address,
                names=sending.names(),
            ),
        ),
        category=rule.category,
        urgency=rule.urgency,
        about=about,
        group=rule.supersedes,
        cause_id=str(envelope.id),
        created_at=envelope.time,
        expires_at=rule.expires_at(envelope.time),
    )
    await _drop_superseded(notification, uow=uow, at=at)
    uow.add(notification)
    notification.queue(at=at)
    await take_next_way(notification, uow=uow, at=at, sending=sending)


async def _drop_superseded(newest: Notification, *, uow: UnitOfWork, at: datetime) -> None:
    """Of messages about one thing that say the same anew, only the newest is still worth sending."""
    if newest.group is None:
        return
    for earlier in await uow.select(waiting_like(newest)):
        if earlier.created_at <= newest.created_at:
            earlier.cancel(reason="superseded", at=at)


def waiting_like(newest: Notification) -> Selection[Notification]:
    return Selection(
        kind=Notification,
        where={
            "party_id": newest.party_id,
            "about": newest.about,
            "group": newest.group,
            "state": {"$in": [State.QUEUED, State.RETRYING]},
        },
        order=(("created_at", 1), ("id", 1)),
        limit=50,
        tenant=newest.tenant,
    )


def _about(event: Event) -> str | None:
    for field, kind in ABOUT.items():
        id = getattr(event, field, None)
        if isinstance(id, str):
            return Stake.id_of(kind, id)
    return None
