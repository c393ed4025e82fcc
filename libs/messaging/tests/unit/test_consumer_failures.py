"""Three kinds of failure, three answers of a consumer; and records that are not what stood at their place before."""

import time
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

import pytest
from messaging_builders import JARS, NOON, JarFilled, event, raw_record, records
from messaging_shelf import GROUP, OURS, Shelf, later
from pymongo.errors import DocumentTooLarge, NotPrimaryError, OperationFailure

from gerai.contracts.event import Envelope
from gerai.messaging import consumer as consuming
from gerai.messaging.consumer import Consumer, Subscription
from gerai.messaging.kafka.publisher import partition_of
from gerai.messaging.memory.relaying import MemoryParkedRecords
from gerai.messaging.memory.storage import MemoryStorage
from gerai.messaging.outcomes import Park
from gerai.messaging.parking import Counts, Lane, Parked, Parking, Partitions, home
from gerai.messaging.storage import Batch, Contended, TooManyWaiting, Unstorable
from gerai.messaging.unit_of_work import UnitOfWork


class Away(MemoryParkedRecords):
    """Each question is refused once, as by a store that elects a primary."""

    def __init__(self, storage: MemoryStorage) -> None:
        super().__init__(storage)
        self.refused: set[str] = set()

    def _once(self, question: str) -> None:
        if question not in self.refused:
            self.refused.add(question)
            raise NotPrimaryError("planted")

    async def lanes(self, group: str) -> Mapping[str, Lane]:
        self._once("lanes")
        return await super().lanes(group)

    async def due(
        self, group: str, now: datetime, limit: int, *, owned: Partitions, counts: Counts
    ) -> list[Parked]:
        self._once("due")
        return await super().due(group, now, limit, owned=owned, counts=counts)

    async def of_lane(self, group: str, lane: str, limit: int) -> list[Parked]:
        self._once("of_lane")
        return await super().of_lane(group, lane, limit)


class TestKinds:
    async def test_a_taken_key_parks_its_own_lane_with_the_reason_and_the_others_flow(
        self, shelf: Shelf
    ) -> None:
        """As when a collection was restored to an earlier state than the outbox."""
        await shelf.storage.commit(Batch(outbox=[event("jars:a", version=1)]))
        await shelf.consumer.handle(records("a", "b", "a"))
        assert shelf.filled() == {"b": 1}
        first, follower = shelf.storage.documents["parked"].values()
        assert "a unique key of outbox is taken: event" in first["reason"]
        assert (first["attempts"], follower["attempts"]) == (1, 0)

    @pytest.mark.parametrize(
        "error",
        [OperationFailure("not allowed", 13), DocumentTooLarge("planted"), Unstorable("planted")],
        ids=lambda error: type(error).__name__,
    )
    async def test_what_the_store_refuses_is_parked_at_once(self, shelf: Shelf, error: Exception) -> None:
        shelf.faults["a"] = [error]
        await shelf.consumer.handle(records("a", "b"))
        assert shelf.filled() == {"b": 1}
        (parked,) = shelf.storage.documents["parked"].values()
        assert type(error).__name__ in parked["reason"]

    async def test_where_others_are_faster_a_bounded_number_of_tries_ends_in_parking(
        self, shelf: Shelf
    ) -> None:
        shelf.faults["a"] = [Contended("planted")] * (consuming.FAULTS_BEFORE_PARKING - 1)
        shelf.faults["b"] = [Contended("planted")] * consuming.FAULTS_BEFORE_PARKING
        await shelf.consumer.handle(records("a", "b"))
        assert shelf.filled() == {"a": 1}
        assert [one["key"] for one in shelf.storage.documents["parked"].values()] == [b"b"]

    async def test_a_process_that_is_full_is_waited_for_and_that_is_no_progress(self, shelf: Shelf) -> None:
        shelf.faults["a"] = [TooManyWaiting("planted")] * 20
        shelf.consumer.moved = before = time.monotonic() - 1_000
        moved: list[float] = []

        async def look(event: JarFilled, envelope: Envelope, *, uow: UnitOfWork, at: datetime) -> None:
            moved.append(shelf.consumer.moved)
            await Shelf.fill(shelf, event, envelope, uow=uow, at=at)

        shelf.consumer._by_type[JarFilled.type] = look
        await shelf.consumer.handle(records("a"))
        assert shelf.filled() == {"a": 1}
        assert set(moved) == {before}

    async def test_parking_waits_for_a_store_that_is_away(self, shelf: Shelf) -> None:
        """Which lanes wait, what is due, what stands in a lane, and what is dropped from it."""
        away = Away(shelf.storage)
        subscription = Subscription(group=GROUP, handlers={JarFilled: shelf.fill})
        consumer = Consumer(subscription, commit=shelf.commit, parking=Parking(GROUP, away), now=lambda: NOON)
        shelf.faults["a"] = [Park("not yet")]
        await consumer.handle(records("a"))
        before = consumer.moved
        await consumer.load_parked()
        await consumer.retry_parked(owned=OURS, now=later())
        await shelf.consumer.handle(records("a"))
        assert shelf.filled() == {"a": 1}
        assert away.refused == {"lanes", "due", "of_lane"}
        assert consumer.moved > before

    async def test_a_lane_of_which_all_fail_drains_when_its_patience_is_over(self, shelf: Shelf) -> None:
        shelf.faults["a"] = [Park("never")] * 9
        await shelf.consumer.handle(records("a", "a", "a", "b"))
        await shelf.consumer.retry_parked(owned=OURS, now=later(1))
        assert shelf.dead() == []
        await shelf.consumer.retry_parked(owned=OURS, now=later(25))
        assert [dead["reason"] for dead in shelf.dead()] == ["gave_up"] * 3
        assert shelf.storage.documents["parked"] == {}

    async def test_of_a_lane_only_the_record_that_is_tried_is_read(self, shelf: Shelf) -> None:
        class Counted(MemoryParkedRecords):
            read = 0

            async def of_lane(self, group: str, lane: str, limit: int) -> list[Parked]:
                found = await super().of_lane(group, lane, limit)
                self.read += len(found)
                return found

        counted = Counted(shelf.storage)
        subscription = Subscription(group=GROUP, handlers={JarFilled: shelf.fill})
        parking = Parking(GROUP, counted)
        consumer = Consumer(subscription, commit=shelf.commit, parking=parking, now=lambda: NOON)
        shelf.faults["a"] = [Park("not yet")] * 2
        await consumer.handle(records("a", "a", "a"))
        await consumer.retry_parked(owned=OURS, now=later())
        assert counted.read == 1
        await consumer.retry_parked(owned=OURS, now=later())
        assert counted.read == 1 + 3
        assert shelf.filled() == {"a": 3}


class TestTopicMadeAgain:
    """Its offsets begin anew, so its records come to stand where others stood."""

    async def test_poison_at_the_place_of_other_poison_is_buried_too(self, shelf: Shelf) -> None:
        first = raw_record(0, b"a", b"not json", ())
        again = replace(first, timestamp=1)
        other = replace(first, value=b"nor this")
        for one in (first, again, other, first, again, other):
            await shelf.consumer.handle([one])
        assert [dead["body"] for dead in shelf.dead()] == [b"not json", b"not json", b"nor this"]

    async def test_what_waits_does_not_hide_the_record_at_its_place(self, shelf: Shelf) -> None:
        shelf.faults["a"] = [Park("not yet")]
        first, second = records("a", "a")
        await shelf.consumer.handle([first])
        await shelf.consumer.handle([replace(second, offset=0)])
        assert len(shelf.storage.documents["parked"]) == 2
        await shelf.consumer.retry_parked(owned=OURS, now=later())
        assert shelf.filled() == {"a": 2}

    async def test_what_came_first_is_handled_first_though_it_stood_at_a_higher_offset_or_partition(
        self, shelf: Shelf
    ) -> None:
        shelf.faults["a"] = [Park("not yet")]
        first, second, third = records("a", "a", "a")
        for one in (replace(first, partition=2, offset=9), replace(second, offset=5), third):
            await shelf.consumer.handle([one])
        everything = {JARS.name: [0, 1, 2]}
        await shelf.consumer.retry_parked(owned=everything, now=later(), counts={JARS.name: 3})
        assert shelf.seen == [("a", 1), ("a", 2), ("a", 3)]

    async def test_of_a_partition_that_is_no_more_the_keys_present_owner_tries_what_waits(
        self, shelf: Shelf
    ) -> None:
        shelf.faults["a"] = [Park("not yet")]
        first, second = records("a", "a")
        await shelf.consumer.handle([replace(first, partition=5)])
        await shelf.consumer.handle([second])
        mine = home(replace(first, partition=5), 3)
        assert mine == partition_of(b"a", [0, 1, 2])
        others = {JARS.name: sorted({0, 1, 2} - {mine})}
        await shelf.consumer.retry_parked(owned=others, now=later(), counts={JARS.name: 3})
        assert shelf.filled() == {}
        await shelf.consumer.retry_parked(owned={JARS.name: [mine]}, now=later(), counts={JARS.name: 3})
        assert shelf.filled() == {"a": 2}
        assert shelf.storage.documents["parked"] == {}

    async def test_a_clock_that_goes_wrong_puts_nothing_before_what_waits(self, shelf: Shelf) -> None:
        shelf.faults["a"] = [Park("not yet")]
        first, second = records("a", "a")
        await shelf.consumer.handle([replace(first, offset=7)])
        (row,) = shelf.storage.documents["parked"].values()
        row["sequence"] += 3_600 * 10**9  # by the process that had the partition before
        another = shelf.another()
        await another.load_parked()
        await another.handle([second])
        await another.retry_parked(owned=OURS, now=later())
        assert shelf.seen == [("a", 1), ("a", 2)]

    async def test_a_letter_that_is_in_the_outbox_is_not_written_twice_though_nothing_else_knows_of_it(
        self, shelf: Shelf
    ) -> None:
        """Its inbox row is kept for a time, and may be removed on purpose."""
        poison = raw_record(0, b"a", b"not json", ())
        await shelf.consumer.handle([poison])
        shelf.storage.idempotency_keys.clear()
        await shelf.consumer.handle([poison, *records("b", start=1)])
        assert len(shelf.dead()) == 1
        assert shelf.storage.documents["parked"] == {}
        assert shelf.filled() == {"b": 1}

    async def test_what_was_parked_by_the_version_before_keeps_its_row(self, shelf: Shelf) -> None:
        shelf.faults["a"] = [Park("not yet")] * 2
        await shelf.consumer.handle(records("a"))
        parked = shelf.storage.documents["parked"]
        (row,) = parked.values()
        parked.clear()
        parked[f"{GROUP}:test.jars/0@0"] = {name: value for name, value in row.items() if name != "timestamp"}
        await shelf.consumer.retry_parked(owned=OURS, now=later())
        assert set(parked) == {f"{GROUP}:test.jars/0@0"}
        await shelf.consumer.retry_parked(owned=OURS, now=later())
        assert (shelf.filled(), parked) == ({"a": 1}, {})
