"""One visit is one trace: request → wait in the outbox → publish → process, and a replay is only linked."""

from datetime import datetime

import pytest
from messaging_builders import NOON, Jar, context
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, Tracer

from gerai.contracts.event import Envelope
from gerai.contracts.hourly import HourCounted
from gerai.messaging import tracing
from gerai.messaging.consumer import REPLAYED_FOR, Consumer, Subscription
from gerai.messaging.group_commit import GroupCommit
from gerai.messaging.memory.relaying import (
    MemoryBroker,
    MemoryLease,
    MemoryLeases,
    MemoryOutbox,
    MemoryParkedRecords,
)
from gerai.messaging.memory.storage import MemoryStorage
from gerai.messaging.parking import Parking
from gerai.messaging.record import Record
from gerai.messaging.relay import Relay
from gerai.messaging.unit_of_work import UnitOfWork

TOPIC = "hourly.hours"


@pytest.fixture
def spans(monkeypatch: pytest.MonkeyPatch) -> InMemorySpanExporter:
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    tracer: Tracer = provider.get_tracer("test")
    monkeypatch.setattr(tracing, "_tracer", lambda: tracer)
    return exporter


async def sent(traceparent: str | None, broker: MemoryBroker) -> Record:
    """One event, committed under a traceparent and relayed."""
    storage = MemoryStorage()

    async def command(uow: UnitOfWork) -> None:
        jar = Jar(id="j1", tenant="muna-barat")
        uow.add(jar)
        jar.fill()

    async with GroupCommit(storage, source="test") as commit:
        await commit.execute(command, context=context(traceparent=traceparent))
    lease = MemoryLease(MemoryLeases(), "relay", "a")
    await Relay(MemoryOutbox(storage), broker.connect, lease)._turn()
    return broker.topics[TOPIC][-1]


async def processed(record: Record) -> str | None:
    """Handle a record; returns the traceparent that its effects travel with."""
    seen: list[str | None] = []

    async def react(event: HourCounted, envelope: Envelope, *, uow: UnitOfWork, at: datetime) -> None:
        seen.append(uow.context.traceparent)

    storage = MemoryStorage()
    async with GroupCommit(storage, source="there") as commit:
        subscription = Subscription(group="g", handlers={HourCounted: react})
        parking = Parking("g", MemoryParkedRecords(storage))
        await Consumer(subscription, commit=commit, parking=parking, now=lambda: NOON).handle([record])
    return seen[0]


def by_name(exporter: InMemorySpanExporter) -> dict[str, ReadableSpan]:
    return {span.name: span for span in exporter.get_finished_spans()}


REQUEST = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


class TestSpans:
    async def test_the_way_of_an_event_is_one_trace(self, spans: InMemorySpanExporter) -> None:
        onward = await processed(await sent(REQUEST, MemoryBroker()))
        found = by_name(spans)
        wait, publish, process = (
            found[name] for name in ("outbox wait", f"{TOPIC} publish", f"{TOPIC} process")
        )
        assert publish.kind is SpanKind.PRODUCER
        assert process.kind is SpanKind.CONSUMER
        parents = [span.parent.span_id if span.parent else None for span in (wait, publish, process)]
        assert parents == [0xB7AD6B7169203331, 0xB7AD6B7169203331, publish.context.span_id]
        assert {span.context.trace_id for span in found.values()} == {0x0AF7651916CD43DD8448EB211C80319C}
        assert wait.end_time is not None
        assert publish.start_time is not None
        assert wait.end_time <= publish.start_time
        assert onward == tracing.format_of_context(process.context)
        for span in (wait, publish, process):
            attributes = dict(span.attributes or {})
            assert attributes["peer.service"] == "kafka"
            assert attributes["messaging.destination.name"] == TOPIC
            assert attributes["gerai.subject"] == "j1"

    async def test_a_producer_span_that_was_not_acknowledged_says_so(
        self, spans: InMemorySpanExporter
    ) -> None:
        broker = MemoryBroker()
        broker.fails = 1
        with pytest.raises(ConnectionError):
            await sent(REQUEST, broker)
        assert not by_name(spans)[f"{TOPIC} publish"].status.is_ok

    async def test_a_replay_is_a_new_trace_that_links_the_old(self, spans: InMemorySpanExporter) -> None:
        record = await sent(REQUEST, MemoryBroker())
        again = Record(**{**vars(record), "headers": (*record.headers, (REPLAYED_FOR, b"g"))})
        await processed(again)
        found = by_name(spans)
        process = found[f"{TOPIC} process"]
        assert process.parent is None
        assert process.context.trace_id != 0x0AF7651916CD43DD8448EB211C80319C
        assert [link.context.span_id for link in process.links] == [found[f"{TOPIC} publish"].context.span_id]

    @pytest.mark.parametrize("traceparent", [None, REQUEST[:-1] + "0", "rubbish"])
    async def test_what_is_not_sampled_makes_no_span(
        self, spans: InMemorySpanExporter, traceparent: str | None
    ) -> None:
        await processed(await sent(traceparent, MemoryBroker()))
        assert not by_name(spans)
