"""The rows of the register in a service's own database, and how they follow the register's topics."""

from datetime import datetime
from typing import ClassVar

from gerai.contracts.event import Envelope, Event
from gerai.messaging.aggregate import Aggregate
from gerai.messaging.command import command
from gerai.messaging.consumer import Handler, Subscription
from gerai.messaging.group_commit import Needs
from gerai.messaging.replica import Replica
from gerai.messaging.storage import Index
from gerai.messaging.unit_of_work import UnitOfWork
from gerai.register.entries import CHANGES, EntryChanged, entry_key


class RegisterEntry(Replica):
    """One entry of the register, as its newest event said it."""

    collection: ClassVar[str] = "register"


class RegisterRevision(Aggregate):
    """Changes whenever a regency's entries change, or what a service keeps beside them, so that every process knows
    when to read them again. Its id is the regency."""

    collection: ClassVar[str] = "catalogue_revisions"
    """The name that the databases have."""

    changes: int = 0

    def advance(self) -> None:
        self.changes += 1


INDEXES = (Index(collection="register", keys=(("tenant", 1), ("_id", 1))),)
"""A service with a register names them among its own: a regency's entries are read again when one of them changes."""


def register_subscription(group: str) -> Subscription:
    """What keeps the rows. `group`: named after the service, as "queue.register"."""
    handlers: dict[type[Event], Handler] = dict.fromkeys(CHANGES, when_register_changed_keep_entry)
    return Subscription(group=group, handlers=handlers)


def what_keeping_needs(envelope: Envelope) -> Needs:
    event = envelope.event
    tenant: str = getattr(event, "tenant", "")
    id = f"{event.topic.name}:{envelope.subject}"
    return Needs(aggregates=((RegisterEntry, id), (RegisterRevision, tenant)))


@command(needs=what_keeping_needs)
async def when_register_changed_keep_entry(
    event: EntryChanged, envelope: Envelope, *, uow: UnitOfWork, at: datetime
) -> None:
    entry = await uow.find_or_add(RegisterEntry(id=entry_key(event), tenant=event.tenant))
    regencies = {entry.tenant, event.tenant}
    is_news = entry.learn(
        event,
        tenant=event.tenant,
        sequence=envelope.sequence,
        event_id=envelope.id,
        overrides=envelope.overrides is not None,
    )
    if is_news:
        for tenant in sorted(regencies):
            await advance_revision(tenant, uow)


async def advance_revision(tenant: str, uow: UnitOfWork) -> None:
    """Every process looks at the revisions, and reads the regency's entries again when its own has moved."""
    revision = await uow.find_or_add(RegisterRevision(id=tenant, tenant=tenant))
    revision.advance()
