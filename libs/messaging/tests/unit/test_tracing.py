"""One visit is one trace: request → wait in the outbox → publish → process, and a replay is only linked."""

from datetime import datetime

import pytest
from messaging_builders import NOON, Jar, JarFilled, context
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, Tracer

from gerai.contracts.event import Envelope
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

TOPIC = "test.jars"
WAIT, SEND, PROCESS = (f"{name} jar-filled" for name in ("outbox wait", f"send {TOPIC}", f"process {TOPIC}"))


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

    async with GroupCommit(storage, source="/gerai/test") as commit:
        await commit.execute(command, context=context(traceparent=traceparent))
    lease = MemoryLease(MemoryLeases(), "relay", "a")
    await Relay(MemoryOutbox(storage), broker.connect, lease)._turn()
    return broker.topics[TOPIC][-1]


async def processed(record: Record) -> str | None:
    """Handle a record; returns the traceparent that its effects travel with."""
    seen: list[str | None] = []

    async def react(event: JarFilled, envelope: Envelope, *, uow: UnitOfWork, at: datetime) -> None:
        seen.append(uow.context.traceparent)

    storage = MemoryStorage()
    async with GroupCommit(storage, source="there") as commit:
        subscription = Subscription(group="g", handlers={JarFilled: react})
        parking = Parking("g", MemoryParkedRecords(storage))
        await Consumer(subscription, commit=commit, parking=parking, now=lambda: NOON).handle([record])
    return seen[0]


def by_name(exporter: InMemorySpanExporter) -> dict[str, ReadableSpan]:
    return {span.name: span for span in exporter.get_finished_spans()}


REQUEST = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


LATER = "00-11111111111111111111111111111111-2222222222222222-01"


class FollowedJar(Jar):
    collection = "followed_jars"
    followed = True


class TestTraceparent:
    """As W3C Trace Context wants it read."""

    @pytest.mark.parametrize(
        "malformed",
        [
            "",
            "rubbish",
            REQUEST + "-00",  # version 00 has no more fields
            REQUEST + "-",
            REQUEST[:-1],
            REQUEST + "0",
            REQUEST.upper(),
            REQUEST.replace("-b7", "-B7"),
            "ff" + REQUEST[2:],
            "0" + REQUEST,
            "+0" + REQUEST[2:],
            f"00-{'0' * 32}-b7ad6b7169203331-01",
            f"00-0af7651916cd43dd8448eb211c80319c-{'0' * 16}-01",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-+1",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331- 1",
            "00-0af7651916cd43dd8448eb211c8031_c-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b716920333x-01",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0x",
            "00-٠af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",  # a digit, but not of ours
            REQUEST + "\n",
            " " + REQUEST,
            f"{REQUEST},{REQUEST}",
            "cc" + REQUEST[2:] + ".what",
        ],
    )
    def test_what_is_malformed_is_as_good_as_none(self, malformed: str) -> None:
        assert tracing.parse(malformed) is None

    @pytest.mark.parametrize("later", ["cc" + REQUEST[2:], "01" + REQUEST[2:] + "-what-the-future-brings"])
    def test_a_later_version_is_read_as_far_as_it_is_known(self, later: str) -> None:
        found = tracing.parse(later)
        assert found is not None and tracing.format_of_context(found) == REQUEST

    @pytest.mark.parametrize(("flags", "sampled"), [("00", 0), ("01", 1), ("02", 0), ("03", 1), ("ff", 1)])
    def test_only_whether_it_is_kept_is_taken_from_the_flags(self, flags: str, sampled: int) -> None:
        found = tracing.parse(REQUEST[:-2] + flags)
        assert found is not None and found.trace_flags == sampled


class TestSpans:
    async def test_the_way_of_an_event_is_one_trace(self, spans: InMemorySpanExporter) -> None:
        onward = await processed(await sent(REQUEST, MemoryBroker()))
        found = by_name(spans)
        wait, publish, process = (found[name] for name in (WAIT, SEND, PROCESS))
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
            assert attributes["cloudevents.event_type"] == "test.jar-filled.v1"
            assert min(attributes) == next(iter(attributes)) == "cloudevents.event_type", "the first tag"

    async def test_spans_say_their_operation_as_the_conventions_want(
        self, spans: InMemorySpanExporter
    ) -> None:
        await processed(await sent(REQUEST, MemoryBroker()))
        found = by_name(spans)
        for name, operation in ((SEND, "send"), (PROCESS, "process")):
            attributes = dict(found[name].attributes or {})
            assert attributes["messaging.operation.name"] == operation
            assert attributes["messaging.operation.type"] == operation
            assert attributes["messaging.system"] == "kafka"
            assert attributes["messaging.message.conversation_id"] == context().correlation_id
        process = dict(found[PROCESS].attributes or {})
        assert process["messaging.consumer.group.name"] == "g"
        assert (process["messaging.destination.partition.id"], process["messaging.kafka.offset"]) == ("0", 0)
        assert process["messaging.message.id"] == dict(found[SEND].attributes or {})["messaging.message.id"]

    async def test_a_producer_span_that_was_not_acknowledged_says_so(
        self, spans: InMemorySpanExporter
    ) -> None:
        broker = MemoryBroker()
        broker.fails = 1
        with pytest.raises(ConnectionError):
            await sent(REQUEST, broker)
        assert not by_name(spans)[SEND].status.is_ok

    async def test_a_replay_is_a_new_trace_that_links_the_old(self, spans: InMemorySpanExporter) -> None:
        record = await sent(REQUEST, MemoryBroker())
        again = Record(**{**vars(record), "headers": (*record.headers, (REPLAYED_FOR, b"g"))})
        await processed(again)
        found = by_name(spans)
        process = found[PROCESS]
        assert process.parent is None
        assert process.context.trace_id != 0x0AF7651916CD43DD8448EB211C80319C
        assert [link.context.span_id for link in process.links] == [found[SEND].context.span_id]

    async def test_an_event_of_a_followed_life_links_to_the_request_that_caused_it(
        self, spans: InMemorySpanExporter
    ) -> None:
        storage, broker = MemoryStorage(), MemoryBroker()

        async def begin(uow: UnitOfWork) -> None:
            jar = FollowedJar(id="j1", tenant="muna-barat")
            uow.add(jar)
            jar.fill()

        async def go_on(uow: UnitOfWork) -> None:
            (await uow.get(FollowedJar, "j1")).fill()
            led_to.append(uow.other_traces())

        led_to: list[set[str]] = []
        async with GroupCommit(storage, source="/gerai/test") as commit:
            await commit.execute(begin, context=context(traceparent=REQUEST))
            await commit.execute(go_on, context=context(traceparent=LATER))
        await Relay(MemoryOutbox(storage), broker.connect, MemoryLease(MemoryLeases(), "relay", "a"))._turn()
        first, second = (span for span in spans.get_finished_spans() if span.name == SEND)
        assert {f"{span.context.trace_id:032x}" for span in (first, second)} == {REQUEST.split("-")[1]}
        assert not first.links
        assert [tracing.format_of_context(link.context) for link in second.links] == [LATER]
        assert led_to == [{REQUEST}]
        on_the_wire = {name for record in broker.topics[TOPIC] for name, _ in record.headers}
        assert "traceparent" in on_the_wire and tracing.CAUSED_BY not in on_the_wire

    async def test_a_malformed_parent_goes_no_further(self, spans: InMemorySpanExporter) -> None:
        record = await sent(None, MemoryBroker())
        strange = Record(**{**vars(record), "headers": (*record.headers, ("traceparent", b"x" * 1_000))})
        assert await processed(strange) is None

    @pytest.mark.parametrize("traceparent", [None, REQUEST[:-1] + "0", "rubbish"])
    async def test_what_is_not_sampled_makes_no_span(
        self, spans: InMemorySpanExporter, traceparent: str | None
    ) -> None:
        await processed(await sent(traceparent, MemoryBroker()))
        assert not by_name(spans)
