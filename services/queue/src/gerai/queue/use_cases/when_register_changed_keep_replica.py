"""The registry changed an entry: keep it, so that nobody has to ask the registry while serving people."""

from datetime import datetime

from gerai.contracts.event import Envelope
from gerai.messaging.group_commit import Needs
from gerai.messaging.unit_of_work import UnitOfWork
from gerai.queue.domain.register_entry import CatalogueRevision, EntryChanged, RegisterEntry, entry_id


def what_keeping_needs(envelope: Envelope) -> Needs:
    event = envelope.event
    tenant: str = getattr(event, "tenant", "")
    id = f"{event.topic.name}:{envelope.subject}"
    return Needs(aggregates=((RegisterEntry, id), (CatalogueRevision, tenant)))


async def when_register_changed_keep_replica(
    event: EntryChanged, envelope: Envelope, *, uow: UnitOfWork, at: datetime
) -> None:
    entry = await uow.find_or_add(RegisterEntry(id=entry_id(event), tenant=event.tenant))
    regencies = {entry.tenant, event.tenant}
    is_news = entry.learn(
        event,
        tenant=event.tenant,
        sequence=envelope.sequence,
        overrides=envelope.overrides is not None,
    )
    if is_news:
        for tenant in sorted(regencies):
            await advance_revision(tenant, uow)


async def advance_revision(tenant: str, uow: UnitOfWork) -> None:
    """Every process looks at the revisions, and reads its catalogue again when one has moved."""
    revision = await uow.find_or_add(CatalogueRevision(id=tenant, tenant=tenant))
    revision.advance()
