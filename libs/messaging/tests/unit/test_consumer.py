"""A consumer on twins: each effect once, each key in order, poison aside, other keys flowing."""

import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest
from messaging_builders import NOON, Jar, UnableToFill

from gerai.contracts.codec import encode
from gerai.contracts.event import Envelope
from gerai.contracts.hourly import HourCounted
from gerai.messaging import consumer as consuming
from gerai.messaging.consumer import Consumer, Subscription
from gerai.messaging.group_commit import GroupCommit
from gerai.messaging.memory.relaying import MemoryParkedRecords
from gerai.messaging.memory.storage import MemoryStorage
from gerai.messaging.outcomes import DeadLetter, Park
from gerai.messaging.parking import Parking
from gerai.messaging.record import Record
from gerai.messaging.unit_of_work import UnitOfWork

GROUP = "test.fill"


class Shelf:
    """A consumer that fills a jar for each event, with faults that a test plants per key."""

    def __init__(self, commit: GroupCommit, storage: MemoryStorage) -> None:
        self.storage = storage
        self.faults: dict[str, list[Exception]] = {}
        self.seen: list[tuple[str, int]] = []
        self.parking = Parking(GROUP, MemoryParkedRecords(storage))
        subscription = Subscription(group=GROUP, handlers={HourCounted: self.fill})
        self.consumer = Consumer(subscription, commit=commit, parking=self.parking, now=lambda: NOON)

    async def fill(self, event: HourCounted, envelope: Envelope, *, uow: UnitOfWork, at: datetime) -> None:
        if planted := self.faults.get(envelope.subject):
            raise planted.pop(0)
        jar = await uow.find(Jar, envelope.subject)
        if jar is None:
            jar = Jar(id=envelope.subject, tenant=event.tenant, room=1_000)
            uow.add(jar)
        jar.fill()
        self.seen.append((envelope.subject, envelope.sequence))

    def filled(self) -> dict[str, int]:
        return {id: jar.filled for id, jar in self.storage.aggregates[Jar].items()}  # type: ignore[attr-defined]

    def dead(self) -> list[dict[str, Any]]:
        return [
            {"reason": row.headers["dead_reason"], "body": row.body, "headers": row.headers}
            for row in self.storage.outbox
            if row.type == "dead-letter"
        ]


@pytest.fixture
async def shelf():
    storage = MemoryStorage()
    async with GroupCommit(storage, source="test") as commit:
        yield Shelf(commit, storage)


@pytest.fixture(autouse=True)
def short_backoff(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(consuming, "LONGEST_BACKOFF_S", 0.001)


def records(*subjects: str, start: int = 0, replayed_for: str | None = None) -> list[Record]:
    made: list[Record] = []
    versions: dict[str, int] = {}
    for offset, subject in enumerate(subjects, start=start):
        versions[subject] = versions.get(subject, 0) + 1
        envelope = Envelope(
            id=uuid.uuid5(uuid.NAMESPACE_OID, f"{subject}:{versions[subject]}"),
            source="/gerai/test",
            subject=subject,
            sequence=versions[subject],
            time=NOON,
            correlation_id="c",
            causation_id=None,
            event=HourCounted(tenant="muna-barat", hour=NOON, tickets=1),
            replayed_for=replayed_for,
        )
        key, value, headers = encode(envelope)
        made.append(_record(offset, key, value, headers))
    return made


def _record(
    offset: int, key: bytes | None, value: bytes | None, headers: Sequence[tuple[str, bytes]]
) -> Record:
    return Record(topic="t", partition=0, offset=offset, key=key, value=value, headers=tuple(headers))


class TestEffects:
    async def test_each_effect_happens_once_however_often_it_is_delivered(self, shelf: Shelf) -> None:
        delivered = records("a", "b", "a")
        await shelf.consumer.handle(delivered)
        await shelf.consumer.handle(delivered)
        await shelf.consumer.handle([*delivered, *records("c", start=3)])
        assert shelf.filled() == {"a": 2, "b": 1, "c": 1}

    async def test_one_key_is_handled_in_order(self, shelf: Shelf) -> None:
        await shelf.consumer.handle(records(*["a", "b"] * 20))
        assert [version for key, version in shelf.seen if key == "a"] == list(range(1, 21))

    async def test_what_passes_by_itself_is_tried_again_in_place(self, shelf: Shelf) -> None:
        shelf.faults["a"] = [ConnectionError("away"), TimeoutError("slow")]
        await shelf.consumer.handle(records("a", "a", "b"))
        assert shelf.filled() == {"a": 2, "b": 1}
        assert shelf.dead() == []

    async def test_a_replay_for_another_group_is_skipped(self, shelf: Shelf) -> None:
        await shelf.consumer.handle(records("a", replayed_for="other.group"))
        await shelf.consumer.handle(records("b", replayed_for=GROUP))
        assert shelf.filled() == {"b": 1}


class TestPoison:
    @pytest.mark.parametrize(
        ("value", "headers", "reason"),
        [
            (b"not json", None, "not_json"),
            (b"{}", None, "invalid_body"),
            (b"x" * 1_500_000, None, "too_large"),
            (b"{}", {"ce_type": b"hourly.hour-counted.v9"}, "future_version"),
            (b"{}", {"ce_type": b"nobody.knows.v1"}, "unknown_type"),
            (b"{}", {}, "missing_header"),
            (None, None, "no_body"),
        ],
    )
    async def test_it_is_buried_with_its_bytes_and_the_others_flow(
        self, shelf: Shelf, value: bytes | None, headers: dict[str, bytes] | None, reason: str
    ) -> None:
        good = records("a", "b")
        worn = good[0].headers if headers is None else tuple(headers.items())
        poison = _record(9, b"p", value, worn)
        await shelf.consumer.handle([poison, *good])
        await shelf.consumer.handle([poison])
        assert shelf.filled() == {"a": 1, "b": 1}
        (dead,) = shelf.dead()
        assert (dead["reason"], dead["body"]) == (reason, value or b"")
        assert set(dict(worn)) <= set(dead["headers"])

    async def test_a_refusal_is_a_dead_letter_with_its_code(self, shelf: Shelf) -> None:
        # a refusal is only believed after fresh reads, so it has to be refused twice
        shelf.faults["a"] = [UnableToFill("full"), UnableToFill("full")]
        await shelf.consumer.handle(records("a", "b"))
        assert [dead["reason"] for dead in shelf.dead()] == ["full"]
        assert shelf.filled() == {"b": 1}

    async def test_a_handler_may_name_poison_itself(self, shelf: Shelf) -> None:
        shelf.faults["a"] = [DeadLetter("no_such_jar")]
        await shelf.consumer.handle(records("a"))
        assert [dead["reason"] for dead in shelf.dead()] == ["no_such_jar"]


class TestParking:
    async def test_a_parked_key_waits_in_order_while_others_flow(self, shelf: Shelf) -> None:
        shelf.faults["a"] = [Park("the jar is not here yet")]
        await shelf.consumer.handle(records("a", "b", "a", "a"))
        await shelf.consumer.handle(records("a", "a", "a", "a", "b", "b", start=10)[3:])
        assert shelf.filled() == {"b": 2}
        await shelf.consumer.retry_parked(owns=lambda _: True, now=_later())
        assert shelf.filled() == {"a": 4, "b": 2}
        assert [version for key, version in shelf.seen if key == "a"] == [1, 2, 3, 4]
        assert shelf.storage.documents["parked"] == {}

    async def test_a_bug_in_a_handler_parks_the_key_after_a_few_tries(self, shelf: Shelf) -> None:
        shelf.faults["a"] = [ValueError("bug")] * 3
        await shelf.consumer.handle(records("a", "b"))
        assert shelf.filled() == {"b": 1}
        await shelf.consumer.retry_parked(owns=lambda _: True, now=_later())
        assert shelf.filled() == {"a": 1, "b": 1}

    async def test_what_never_works_ends_as_a_dead_letter(self, shelf: Shelf) -> None:
        shelf.faults["a"] = [ValueError("bug")] * 50
        await shelf.consumer.handle(records("a", "a"))
        for _ in range(20):
            await shelf.consumer.retry_parked(owns=lambda _: True, now=_later())
            if shelf.dead():
                break
        shelf.faults.clear()
        await shelf.consumer.retry_parked(owns=lambda _: True, now=_later())
        assert [dead["reason"] for dead in shelf.dead()] == ["gave_up"]
        assert shelf.filled() == {"a": 1}

    async def test_only_the_owner_of_the_partition_tries_again(self, shelf: Shelf) -> None:
        shelf.faults["a"] = [Park("not yet")]
        await shelf.consumer.handle(records("a"))
        await shelf.consumer.retry_parked(owns=lambda _: False, now=_later())
        assert shelf.filled() == {}


def _later() -> datetime:
    from datetime import UTC

    return datetime.now(UTC) + timedelta(days=1)
