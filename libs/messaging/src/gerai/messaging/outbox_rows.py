"""What an aggregate has recorded, as the rows that leave with its change."""

import time
from datetime import datetime
from uuid import UUID

import uuid_utils.compat as uuids

from gerai.contracts.codec import headers_of
from gerai.contracts.event import Envelope, Event
from gerai.messaging.aggregate import Aggregate
from gerai.messaging.context import Context
from gerai.messaging.storage import OutboxRow, Unstorable
from gerai.messaging.tracing import CAUSED_BY


def moved_on(fork: Aggregate, before: Aggregate | None, *, context: Context, source: str) -> list[OutboxRow]:
    """The rows of what an aggregate has recorded; its version and position are those of the last one then. Raises
    Unstorable."""
    first = before.version if before is not None else 0
    rows: list[OutboxRow] = []
    for number, (event, at) in enumerate(fork.recorded, start=1):
        fork.position = max(fork.position + 1, time.time_ns() // 1000)
        rows.append(_row(fork, event, at, first + number, context=context, source=source))
    fork.version = first + max(1, len(rows))
    fork.settle()
    return rows


def _row(
    aggregate: Aggregate, event: Event, at: datetime, version: int, *, context: Context, source: str
) -> OutboxRow:
    id: UUID = uuids.uuid7()
    asked, followed = context.traceparent, aggregate.traceparent
    envelope = Envelope(
        id=id,
        source=source,
        subject=aggregate.id,
        sequence=version,
        time=at,
        correlation_id=context.correlation_id,
        causation_id=context.causation_id,
        event=event,
        traceparent=followed or asked,
    )
    headers = headers_of(envelope)
    if followed is not None and asked is not None and followed != asked:
        headers[CAUSED_BY] = asked
    return OutboxRow(
        id=headers["ce_id"],
        topic=event.topic.name,
        key=aggregate.id,
        aggregate=f"{aggregate.collection}:{aggregate.id}",
        version=version,
        position=aggregate.position,
        headers=headers,
        body=_body_of(event),
        type=event.type,
        tenant=aggregate.tenant,
        at=at,
    )


def _body_of(event: Event) -> bytes:
    try:
        return event.model_dump_json().encode()
    except ValueError as error:  # a lone surrogate, for one; pydantic's own errors are ValueErrors
        raise Unstorable(f"{event.type}: {type(error).__name__}") from error
