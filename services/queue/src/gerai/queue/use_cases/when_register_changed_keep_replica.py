"""Every entry that the registry tells about is kept, so that serving needs no call to it."""

import time
from datetime import datetime

from gerai.contracts.event import Envelope, Event
from gerai.messaging.group_commit import Needs
from gerai.messaging.unit_of_work import UnitOfWork
from gerai.queue.domain.replica import ReplicaEntry


def needs_of(envelope: Envelope) -> Needs:
    return Needs(aggregates=[(ReplicaEntry, _id(envelope))])


async def keep_replica(event: Event, envelope: Envelope, *, uow: UnitOfWork, at: datetime) -> None:
    found = await uow.find(ReplicaEntry, _id(envelope))
    if found is None:
        found = ReplicaEntry(id=_id(envelope), tenant=event.model_dump()["tenant"], event_type=event.type)
        uow.add(found)
    found.take(event.model_dump_json().encode(), sequence=envelope.sequence, touched=time.time_ns() // 1000)


def _id(envelope: Envelope) -> str:
    return f"{envelope.event.type}:{envelope.subject}"
